"""The interval of a mean of something of either sign: normal, with the variance of the summed terms."""

from __future__ import annotations

import math
from typing import Final

from monitor_stream.judge.performance.intervals import Z95, Interval

#: Terms below which a mean of something moderately skewed is not near enough to normal.
LEAST: Final = 100
#: Below this share of the mean square a variance is mostly rounding.
RESOLUTION: Final = 1e-12


def mean_interval(n: float, total: float, squares: float) -> Interval | None:
    """From the sum of n terms, and that of their squares; ``None`` for fewer than `LEAST`, or where they do not vary.

    >>> low, high = mean_interval(100, 50.0, 125.0)
    >>> round(low, 3), round(high, 3)
    (0.303, 0.697)
    """
    error = standard_error(n, total, squares)
    return None if error is None else (total / n - Z95 * error, total / n + Z95 * error)


def standard_error(n: float, total: float, squares: float) -> float | None:
    """Of the mean of n terms, with Bessel's correction; ``None`` as above.

    >>> standard_error(101, 0.0, 101.0)
    0.1
    """
    if n < LEAST:
        return None
    variance = (squares - total * total / n) / (n - 1.0)
    return math.sqrt(variance / n) if variance > RESOLUTION * squares / n else None
