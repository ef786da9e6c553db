"""A reference by hour of the week: what a span should look like follows from the hours it has rows in."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import HOUR, Reference
from monitor_stream.judge.drift.bins import Bins

HOURS: Final = 168
#: The epoch began on a Thursday, at hour 72 of a week that begins on Monday.
_EPOCH: Final = 72


def hours(starts: Floats, predictions: Floats) -> Floats:
    """Predictions by hour of the week (shape ``(168,)``), of windows that begin at these Unix seconds.

    A window longer than an hour counts for the hour it begins in.

    >>> found = hours(np.array([0.0, 1800.0, 7200.0]), np.array([10.0, 5.0, 1.0]))  # Thursday from midnight
    >>> found[72:75]
    array([15.,  0.,  1.])
    """
    at = (starts // HOUR).astype(np.int64) + _EPOCH
    return np.bincount(at % HOURS, predictions, minlength=HOURS).astype(np.float64)


def seasonal(reference: Reference, by_hour: Floats) -> Bins:
    r"""The bins of a reference with the shares that rows in these hours should have.

    They are the mixture of the hours' shares, by the rows of each hour; an hour for which the reference has none has those of the
    whole. The reference of a span with rows in few hours is small: with a share :math:`w_h` of the rows in hour h, and
    m values in all, it is as good as one of :math:`m / (168 \sum w_h^2)` values.

    Parameters
    ----------
    by_hour
        Predictions of the span by hour of the week: see `hours`. Without any, and for a reference without seasons, the whole
        reference is what it is held against.

    >>> from monitor_stream.events.spec import CategoricalReference
    >>> weekday, weekend = [0.9, 0.1, 0.0], [0.2, 0.8, 0.0]
    >>> use = CategoricalReference(
    ...     n=16_800, missing=0.0, shares={"work": 0.7, "home": 0.3}, seasons=[weekday] * 120 + [weekend] * 48
    ... )
    >>> saturday = np.zeros(168)
    >>> saturday[120:144] = 50.0
    >>> seasonal(use, saturday).shares, seasonal(use, saturday).size
    (array([0.2, 0.8, 0. ]), 2400.0)
    """
    bins = Bins.of(reference)
    total = by_hour.sum()
    if len(reference.seasons) != HOURS or not total > 0.0:
        return bins
    shares = np.array(
        [
            hour if len(hour) == len(bins.shares) and sum(hour) > 0.0 else bins.shares
            for hour in reference.seasons
        ]
    )
    weights = by_hour / total
    expected = weights @ (shares / shares.sum(axis=1, keepdims=True))
    size = min(bins.size / (HOURS * float(weights @ weights)), bins.size)
    return msgspec.structs.replace(bins, shares=expected, size=max(size, 1.0))
