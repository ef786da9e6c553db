"""The intervals that events of a regression carry, and whether the truth lay in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.observe.columns import Array
from monitor_stream.observe.values import MAX_NUMBER


def read_intervals(values: Sequence[tuple[float, float] | None]) -> tuple[Floats, Array]:
    """Both ends of each interval, NaN where there is none that fits, and which do not fit.

    One with its ends the wrong way round, or with a number that cannot be computed with, does not fit. Where no event has an
    interval there are no columns: they wait with a prediction only where they are used.

    >>> read_intervals([(1.0, 2.0), None, (2.0, 1.0)])
    (array([[ 1.,  2.],
           [nan, nan],
           [nan, nan]]), array([False, False,  True]))
    >>> read_intervals([None])[0].shape
    (1, 0)
    """
    if values.count(None) == len(values):
        return np.empty((len(values), 0)), np.zeros(len(values), bool)
    ends = np.array([(np.nan, np.nan) if value is None else value for value in values], np.float64)
    unfit = (ends[:, 0] > ends[:, 1]) | (np.abs(ends) > MAX_NUMBER).any(axis=1)
    ends[unfit] = np.nan
    return ends, unfit


def coverage(interval: Floats, truth: Floats) -> tuple[Array, Array, Floats]:
    """The columns `with_interval covered interval_width` of `performance`.

    >>> [
    ...     column.tolist()
    ...     for column in coverage(np.array([[1.0, 3.0], [np.nan, np.nan]]), np.array([3.0, 0.0]))
    ... ]
    [[True, False], [True, False], [2.0, 0.0]]
    """
    if not interval.shape[1]:
        nothing = np.zeros(len(truth))
        return nothing, nothing, nothing
    low, high = interval.T
    there = ~np.isnan(low)
    return there, (low <= truth) & (truth <= high), np.where(there, high - low, 0.0)
