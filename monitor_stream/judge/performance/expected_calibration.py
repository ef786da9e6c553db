"""How far scores are from what comes true."""

from __future__ import annotations

from typing import Final

from monitor_stream.events.delta import Floats

UNCOUNTED: Final = "scores of this group are not counted"


def by_bin(row: Floats) -> Floats:
    """A row of `calibration` as an array of shape (bins, 3): pairs, sum of scores, positives."""
    bins: Floats = row.reshape(-1, 3)
    return bins


def distance(row: Floats) -> float:
    """The sum over the bins of the distance between scores and positives: over the pairs, the expected calibration error.

    It has no interval: a distance cannot fall below 0, and of a calibrated model it is what sampling makes it, about
    ``sqrt(2 p (1 - p) bins / (π n))``.

    >>> import numpy as np
    >>> distance(np.array([10.0, 2.0, 1.0, 10.0, 8.0, 9.0]))
    2.0

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning; with bins of equal mass, as
    Nguyen and O'Connor (2015), Posterior calibration and exploratory analysis for natural language processing models.
    """
    bins = by_bin(row)
    return float(abs(bins[:, 1] - bins[:, 2]).sum())
