"""Intervals by the delta method of what is above 0: a mean loss, its root, and a ratio of sums.

All are on the logarithm: losses are skewed to the right, and it is nearer to normal, and keeps them above 0.
"""

from __future__ import annotations

import math
from typing import Final

from monitor_stream.judge.performance.intervals import Z95, Interval
from monitor_stream.judge.performance.intervals.mean import RESOLUTION, standard_error

#: Squares are more skewed than what they are of: of fewer the root of their mean is not near enough to normal.
LEAST_SQUARES: Final = 200


def loss_interval(n: float, total: float, squares: float, *, highest: float = math.inf) -> Interval | None:
    """Of the mean of n terms that are 0 or above, from their sum and that of their squares.

    ``None`` for fewer than `mean.LEAST`, or where they do not vary. No mean is above `highest`.

    >>> low, high = loss_interval(100, 100.0, 150.0)
    >>> round(low, 3), round(high, 3)
    (0.87, 1.149)

    References
    ----------
    Casella and Berger (2002), Statistical inference, section 5.5.4 (the delta method).
    """
    error = standard_error(n, total, squares)
    if error is None or total <= 0.0:
        return None
    low, high = _around(total / n, error * n / total)
    return low, min(high, highest)


def root_interval(n: float, total: float, squares: float) -> Interval | None:
    """Of the root of that mean; ``None`` for fewer than `LEAST_SQUARES`.

    >>> low, high = root_interval(400, 400.0, 1200.0)
    >>> round(low, 3), round(high, 3)
    (0.933, 1.072)
    """
    error = standard_error(n, total, squares) if n >= LEAST_SQUARES else None
    return None if error is None or total <= 0.0 else _around(math.sqrt(total / n), error * n / (2.0 * total))


def ratio_interval(
    n: float, totals: tuple[float, float], squares: tuple[float, float], products: float
) -> Interval | None:
    """Of the ratio of two sums of n terms each, from the sums of their squares and products; ``None`` as for `loss_interval`.

    >>> low, high = ratio_interval(100, (50.0, 200.0), (30.0, 500.0), 110.0)
    >>> round(low, 3), round(high, 3)
    (0.227, 0.276)

    References
    ----------
    Cochran (1977), Sampling techniques, section 6.4 (the ratio estimator).
    """
    top, bottom = totals
    if top <= 0.0 or bottom <= 0.0:
        return None
    ratio = top / bottom
    # The terms, top less ratio times bottom, have a mean of 0.
    left = squares[0] - 2.0 * ratio * products + ratio * ratio * squares[1]
    error = standard_error(n, 0.0, left) if left > RESOLUTION * squares[0] else None
    return None if error is None else _around(ratio, error * n / top)


def _around(value: float, error: float) -> Interval:
    """`error` is the standard error of the logarithm; one that large is of sums that are mostly one term."""
    reach = math.exp(min(Z95 * error, 500.0))
    return value / reach, value * reach
