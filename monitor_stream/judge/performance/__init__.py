"""How right a model was over some scored pairs: every metric is a function of sums that add.

The sums of two windows, segments or replicas are added, and the metrics of the sum are those of all their pairs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Metrics
from monitor_stream.events.spec import Task
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.performance.band import WORSE, limits
from monitor_stream.judge.performance.binary import binary_metrics
from monitor_stream.judge.performance.error_limit import error_limit
from monitor_stream.judge.performance.multiclass import multiclass_metrics
from monitor_stream.judge.performance.regression import regression_metrics

__all__ = ["WORSE", "error_limit", "limits", "metrics"]


def metrics(
    task: Task,
    sums: Floats,
    *,
    scores: Floats | None = None,
    confusion: Mapping[str, float] | None = None,
    calibration: Floats | None = None,
    label_mean: float = 0.0,
) -> Metrics:
    """The metrics of a task from one row of `performance` sums.

    Parameters
    ----------
    task
        Says which columns the row has.
    sums
        float64, one value for each of ``PERFORMANCE[task]``.
    scores
        Binary only, float64 of shape (2, `SCORE_BINS`): scored pairs by the bin of their score, row 0 those whose
        label is negative, row 1 positive. Without it AUC is not computable.
    confusion
        Multiclass only: pairs by `confusion_group`. Without it macro F1 is not computable.
    calibration
        Not in a regression: one row of `calibration` sums. Without it ECE is not computable.
    label_mean
        Regression only: what the sums of labels are centred on, the mean of the spec's label reference.

    Examples
    --------
    >>> row = np.zeros(len(PERFORMANCE["regression"]))
    >>> row[:8] = [2.0, 1.0, -1.0, 3.0, 5.0, 0.0, 2.0, 20.0]
    >>> metrics("regression", row).values
    {'mae': 1.5, 'rmse': 1.581..., 'bias': -0.5, 'wape': 0.15, 'r2': -1.5}
    """
    row = dict(zip(PERFORMANCE[task], np.asarray(sums, np.float64).tolist(), strict=True))
    match task:
        case "regression":
            return regression_metrics(row, label_mean).metrics(row)
        case "binary":
            return binary_metrics(row, scores, calibration).metrics(row)
        case "multiclass":
            return multiclass_metrics(row, confusion, calibration).metrics(row)
