"""Mean and standard deviation from the sums of the table `features`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import NumericReference, Reference

#: A variance below this share of the mean square is none: sums of millions of float64 are no better.
ROUNDING: Final = 1e-12


def centre(reference: Reference | None) -> float:
    """What the sums of a column are centred on: the mean of its reference, 0 without one."""
    return reference.mean if isinstance(reference, NumericReference) else 0.0


def mean_and_std(
    row: Sequence[float] | Floats, reference: Reference | None
) -> tuple[float | None, float | None]:
    """Of the finite values of a column, from its row by `FEATURES`, which is centred on the reference mean.

    A category has neither, nor has a column without values.

    >>> mean_and_std([5.0, 1.0, 0.0, 0.0, 0.0, 8.0, 20.0], None)
    (2.0, 1.0)
    """
    values, missing, wrong_type, _, _, first, second = (float(each) for each in row)
    n = values - missing - wrong_type
    if n <= 0.0 or (first == 0.0 and second == 0.0 and not isinstance(reference, NumericReference)):
        return None, None
    mean, square = first / n, second / n
    variance = square - mean * mean
    # What is left of a constant is the rounding of its squares.
    return centre(reference) + mean, math.sqrt(variance) if variance > ROUNDING * square else 0.0
