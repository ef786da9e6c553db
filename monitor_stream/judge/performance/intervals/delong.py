"""The interval of the area under a ROC curve, by DeLong's variance."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.judge.performance.intervals import Z95, Interval

#: Pairs of either class that there are at least.
LEAST_OF_CLASS: Final = 10


def auc_interval(negatives: Floats, positives: Floats, auc: float) -> Interval | None:
    """From counts of scores by bin, those in one bin as ties; on the log-odds, so that it lies within (0, 1).

    ``None`` with fewer than `LEAST_OF_CLASS` pairs of a class, and where the classes do not overlap: then nothing tells how near
    they are to doing so.

    >>> low, high = auc_interval(np.array([20.0, 10.0, 5.0]), np.array([5.0, 10.0, 20.0]), 0.759)
    >>> round(low, 3), round(high, 3)
    (0.639, 0.848)

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating characteristic curves.
    Qin and Hotilovac (2008), Comparison of non-parametric confidence intervals for the area under the ROC curve (on the log-odds).
    """
    m, n = float(negatives.sum()), float(positives.sum())
    if min(m, n) < LEAST_OF_CLASS or not 0.0 < auc < 1.0:
        return None
    below = (np.cumsum(negatives) - 0.5 * negatives) / m
    above = 1.0 - (np.cumsum(positives) - 0.5 * positives) / n
    of_positives = float(positives @ np.square(below - auc)) / (n - 1.0)
    of_negatives = float(negatives @ np.square(above - auc)) / (m - 1.0)
    variance = of_positives / n + of_negatives / m
    if variance <= 0.0:
        return None
    odds, reach = math.log(auc / (1.0 - auc)), Z95 * math.sqrt(variance) / (auc * (1.0 - auc))
    return _share(odds - reach), _share(odds + reach)


def _share(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700.0 else 0.0
