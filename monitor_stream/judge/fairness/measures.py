"""What a group got, each with its interval at any level."""

from __future__ import annotations

from typing import NamedTuple

from monitor_stream.events.delta import Floats
from monitor_stream.judge.performance.expected_calibration import by_bin, distance
from monitor_stream.judge.performance.intervals import Interval
from monitor_stream.judge.performance.intervals.mean import standard_error
from monitor_stream.judge.performance.intervals.wilson import wilson


class Share(NamedTuple):
    """So many of n: Wilson's interval."""

    successes: float
    n: float

    @property
    def value(self) -> float:
        """The share."""
        return self.successes / self.n

    @property
    def variance(self) -> float:
        """Of one of the n."""
        return self.value * (1.0 - self.value)

    def interval(self, z: float) -> Interval:
        """Half as wide as z standard errors."""
        return wilson(self.successes, self.n, z) or (0.0, 1.0)


class Mean(NamedTuple):
    """A mean of n terms with its standard error: the normal interval."""

    value: float
    error: float
    n: float

    @property
    def variance(self) -> float:
        """Of one of the n."""
        return self.error * self.error * self.n

    def interval(self, z: float) -> Interval:
        """Half as wide as z standard errors."""
        return self.value - z * self.error, self.value + z * self.error


Measure = Share | Mean
Measures = dict[str, Measure]


def share(successes: float, n: float) -> Share | None:
    """A share of something."""
    return Share(successes, n) if n > 0.0 else None


def mean(n: float, total: float, squares: float, centre: float = 0.0) -> Mean | None:
    """The mean of n terms that were centred; ``None`` where there are too few for its standard error, or they do not vary."""
    error = standard_error(n, total, squares)
    return None if error is None else Mean(centre + total / n, error, n)


def known(**measures: Measure | None) -> Measures:
    """Those that there are."""
    return {name: measure for name, measure in measures.items() if measure is not None}


def calibration_bias(row: Floats) -> Mean | None:
    """Mean score less the share that came true, from a row of `calibration`.

    Scores count as the mean of their bin: for a calibrated score that makes the standard error a little too large.

    >>> import numpy as np
    >>> bias = calibration_bias(np.array([500.0, 100.0, 150.0, 500.0, 400.0, 400.0]))
    >>> round(bias.value, 3), round(bias.error, 4)
    (-0.05, 0.0137)
    """
    bins = by_bin(row)
    pairs, scores, positives = bins[bins[:, 0] > 0.0].T
    squares = positives - 2.0 * scores * positives / pairs + scores * scores / pairs
    return mean(float(pairs.sum()), float((scores - positives).sum()), float(squares.sum()))


def expected_calibration_error(row: Floats) -> float | None:
    """Over a row of `calibration`; ``None`` where nothing has a score."""
    n = float(by_bin(row)[:, 0].sum())
    return distance(row) / n if n else None
