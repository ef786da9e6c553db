"""Whether a score of .3 comes true three times in ten."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Calibration, CalibrationBin
from monitor_stream.judge.performance.expected_calibration import by_bin, distance
from monitor_stream.judge.performance.intervals.wilson import wilson


def calibration(row: Floats, start: float, end: float) -> Calibration | None:
    """The reliability curve of a row of `calibration` over [start, end), and Murphy's decomposition of its Brier score.

    In a multiclass task it is of the highest probability and whether it was right. Bins without pairs are left out; ``None``
    where all are.

    >>> found = calibration(np.array([40.0, 8.0, 12.0, 60.0, 48.0, 42.0]), 0.0, 86400.0)
    >>> [(bin.n, bin.mean_score, bin.positive_share) for bin in found.bins]
    [(40, 0.2, 0.3), (60, 0.8, 0.7)]
    >>> (
    ...     round(found.ece, 3),
    ...     round(found.reliability, 4),
    ...     round(found.resolution, 4),
    ...     round(found.uncertainty, 4),
    ... )
    (0.1, 0.01, 0.0384, 0.2484)

    References
    ----------
    Murphy (1973), A new vector partition of the probability score.
    """
    bins = by_bin(row)
    pairs, scores, positives = bins[bins[:, 0] > 0.0].T
    n = float(pairs.sum())
    if not n:
        return None
    mean_scores, shares, base = scores / pairs, positives / pairs, float(positives.sum()) / n
    return Calibration(
        start=moment(start),
        end=moment(end),
        n=round(n),
        bins=[
            _bin(*each) for each in zip(pairs.tolist(), mean_scores.tolist(), positives.tolist(), strict=True)
        ],
        ece=distance(row) / n,
        reliability=float(pairs @ np.square(mean_scores - shares)) / n,
        resolution=float(pairs @ np.square(shares - base)) / n,
        uncertainty=base * (1.0 - base),
    )


def _bin(n: float, mean_score: float, positives: float) -> CalibrationBin:
    low, high = wilson(positives, n) or (0.0, 1.0)
    return CalibrationBin(n=round(n), mean_score=mean_score, positive_share=positives / n, low=low, high=high)
