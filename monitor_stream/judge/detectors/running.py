"""A cumulative sum that goes on where an earlier one ended."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats


def running_total(carry: float, values: Floats) -> Floats:
    """`carry` plus the sum of the values up to each. Adds one by one, so a split into parts changes no bit.

    >>> running_total(1.0, np.array([2.0, 3.0])).tolist()
    [3.0, 6.0]
    """
    return np.cumsum(np.concatenate(((carry,), values)))[1:]
