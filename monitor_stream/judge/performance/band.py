"""The value beyond which a metric left its band on the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

from monitor_stream.events.spec import Baseline, Task

#: Where worse lies, by metric. Bias, base rate, mean score, and how often and by how wide intervals cover can leave their
#: usual values either way without the model being more wrong; ECE is the larger, the fewer pairs: they have no limit.
WORSE: Final[Mapping[str, Literal["above", "below"]]] = {
    "mae": "above",
    "rmse": "above",
    "wape": "above",
    "r2": "below",
    "accuracy": "below",
    "precision": "below",
    "recall": "below",
    "f1": "below",
    "macro_f1": "below",
    "auc": "below",
    "log_loss": "above",
    "brier": "above",
}

_OF_TASK: Final[Mapping[Task, frozenset[str]]] = {
    "regression": frozenset({"mae", "rmse", "wape", "r2"}),
    "binary": frozenset({"accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier"}),
    "multiclass": frozenset({"accuracy", "macro_f1", "log_loss"}),
}
_RANGE: Final[Mapping[str, tuple[float, float]]] = {
    "mae": (0.0, math.inf),
    "rmse": (0.0, math.inf),
    "wape": (0.0, math.inf),
    "r2": (-math.inf, 1.0),
    "log_loss": (0.0, math.inf),
}
_SHARE: Final = (0.0, 1.0)
_BAND: Final = 3.0  # standard deviations
_MIN_WINDOWS: Final = 6  # a spread measured on fewer says little


def limits(task: Task, baseline: Mapping[str, Baseline]) -> dict[str, float]:
    """Mean ± 3 standard deviations over reference windows, on the side that is worse, within the metric's range.

    A metric of another task, one that knows no worse (`WORSE`), and one measured on fewer than 6 windows has no
    limit. A baseline of 0 windows was stated by a person and is taken at its word.

    >>> limits("binary", {"auc": Baseline(0.65, 0.01, 10), "brier": Baseline(0.9, 0.2, 10)})
    {'auc': 0.62, 'brier': 1.0}
    """
    return {
        metric: _limit(metric, band)
        for metric, band in baseline.items()
        if metric in _OF_TASK[task] and not 0 < band.windows < _MIN_WINDOWS
    }


def _limit(metric: str, band: Baseline) -> float:
    lowest, highest = _RANGE.get(metric, _SHARE)
    reach = _BAND * band.std if WORSE[metric] == "above" else -_BAND * band.std
    return min(max(band.mean + reach, lowest), highest)
