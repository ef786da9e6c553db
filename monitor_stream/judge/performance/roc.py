"""The area under a ROC curve from counts of scores by bin."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats


def roc_auc(negatives: Floats, positives: Floats) -> float:
    """The chance that a positive scores above a negative, pairs in one bin counted half: the trapezoidal rule.

    Equal to the Mann-Whitney U of the binned scores over the number of pairs; binning can move it by no more than
    half the share of (negative, positive) pairs that meet in one bin.

    Parameters
    ----------
    negatives, positives
        Counts by bin, in rising order of score, each with a sum above 0.

    Examples
    --------
    >>> roc_auc(np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 3.0]))
    0.958...

    References
    ----------
    Hanley and McNeil (1982), The meaning and use of the area under a receiver operating characteristic curve.
    """
    below = np.cumsum(negatives) - 0.5 * negatives
    return float(np.dot(positives / positives.sum(), below / negatives.sum()))
