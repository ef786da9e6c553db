"""Middle and spread of a numeric reference that a few wild rows cannot move."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor_stream.events.spec import NumericReference

#: The interquartile range of a normal distribution, in standard deviations.
_NORMAL_RANGE: Final = 1.349


def quantile(reference: NumericReference, share: float) -> float:
    """The value below which a share of the reference lies, linear within its bins.

    >>> quantile(
    ...     NumericReference(
    ...         n=9, missing=0.0, mean=0.5, std=0.3, minimum=0.0, maximum=1.0, edges=[0.4], shares=[0.5, 0.5]
    ...     ),
    ...     0.75,
    ... )
    0.7
    """
    bounds = [reference.minimum, *reference.edges, reference.maximum]
    return float(np.interp(share, np.concatenate(([0.0], np.cumsum(reference.shares))), bounds))


def middle_and_spread(reference: NumericReference) -> tuple[float, float]:
    """Median, and interquartile range over 1.349: for a normal distribution its standard deviation.

    Where half of all values are one value, the range is 0, and the standard deviation takes its place; it is 0 too where all
    are.
    """
    quartiles = quantile(reference, 0.75) - quantile(reference, 0.25)
    return quantile(reference, 0.5), quartiles / _NORMAL_RANGE if quartiles > 0.0 else reference.std
