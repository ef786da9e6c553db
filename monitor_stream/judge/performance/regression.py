"""Metrics of a regression from sums over its scored pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from monitor_stream.judge.performance.findings import NOTHING_SCORED, Findings
from monitor_stream.judge.performance.intervals.losses import loss_interval, ratio_interval, root_interval
from monitor_stream.judge.performance.intervals.mean import mean_interval
from monitor_stream.judge.performance.intervals.wilson import wilson

#: Below this share of the second moment the variance of the labels is mostly rounding.
_RESOLUTION: Final = 1e-11


def regression_metrics(row: Mapping[str, float], label_mean: float = 0.0) -> Findings:
    """``mae rmse bias wape r2 coverage interval_width``, in the unit of the label except WAPE (0 and above), R² (at most 1) and
    coverage, the share of prediction intervals that held their label.

    Bias is the mean of prediction − label: positive where the model predicts too much, so the column `error` sums
    prediction − label. (Forecasters' mean error, actual − forecast, has the other sign.) WAPE is the sum of absolute
    errors over the sum of absolute labels, and R² is 1 − Σ(prediction − label)² / Σ(label − mean label)².
    The interval of R² needs the labels' fourth moment and that of error and label together: it has none. `label_mean` is what the
    columns of the labels are centred on.

    >>> from monitor_stream.events.tables import PERFORMANCE
    >>> row = dict.fromkeys(PERFORMANCE["regression"], 0.0) | {
    ...     "scored": 1.0,
    ...     "bad": 0.0,
    ...     "error": 2.0,
    ...     "absolute_error": 2.0,
    ...     "squared_error": 4.0,
    ...     "label": 5.0,
    ...     "label_squared": 25.0,
    ...     "absolute_label": 5.0,
    ... }
    >>> regression_metrics(row).values
    {'mae': 2.0, 'rmse': 2.0, 'bias': 2.0, 'wape': 0.4}
    >>> regression_metrics(row).not_computable
    {'r2': 'fewer than two labels', 'coverage': 'no prediction intervals', 'interval_width': 'no prediction intervals'}
    """
    found, n = Findings(), row["scored"]
    found.ratio("mae", row["absolute_error"], n, NOTHING_SCORED)
    found.ratio("rmse", row["squared_error"], n, NOTHING_SCORED)
    if "rmse" in found.values:
        found.value("rmse", math.sqrt(found.values["rmse"]))
    found.ratio("bias", row["error"], n, NOTHING_SCORED)
    found.ratio(
        "wape", row["absolute_error"], row["absolute_label"], "all labels are 0" if n else NOTHING_SCORED
    )
    _r2(found, row)
    otherwise = "no prediction intervals" if n else NOTHING_SCORED
    found.ratio("coverage", row["covered"], row["with_interval"], otherwise)
    found.ratio("interval_width", row["interval_width"], row["with_interval"], otherwise)
    _intervals(found, row, label_mean)
    return found


def _intervals(found: Findings, row: Mapping[str, float], label_mean: float) -> None:
    n, absolute, squared = row["scored"], row["absolute_error"], row["squared_error"]
    found.interval("mae", loss_interval(n, absolute, squared))
    found.interval("rmse", root_interval(n, squared, row["quartic_error"]))
    found.interval("bias", mean_interval(n, row["error"], squared))
    label_squares = row["label_squared"] + label_mean * (2.0 * row["label"] + n * label_mean)
    found.interval(
        "wape",
        ratio_interval(n, (absolute, row["absolute_label"]), (squared, label_squares), row["error_by_label"]),
    )
    found.interval("coverage", wilson(row["covered"], row["with_interval"]))


def _r2(found: Findings, row: Mapping[str, float]) -> None:
    n = row["scored"]
    if n < 2:
        found.missing("r2", "fewer than two labels" if n else NOTHING_SCORED)
        return
    label_variation = row["label_squared"] - row["label"] * row["label"] / n
    if label_variation <= _RESOLUTION * row["label_squared"]:
        found.missing("r2", "the labels do not vary")
    else:
        found.value("r2", 1.0 - row["squared_error"] / label_variation)
