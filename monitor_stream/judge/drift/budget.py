"""From a budget of false alarms to the level of each test: among spans of a month, and among columns of a span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import DAY

_MONTH: Final = 30.0 * DAY
#: Nobody wants to be told of what happens by chance more often, however large the budget or long the span.
_MOST: Final = 0.05


def level(false_alarms_per_month: float, seconds: float) -> float:
    """The probability with which anything in a span (or run of spans) of so many seconds may alarm by chance.

    >>> round(level(1.0, DAY), 4), level(1.0, 30 * DAY)
    (0.0333, 0.05)
    """
    return min(false_alarms_per_month * seconds / _MONTH, _MOST)


def critical(p_values: Sequence[float], alpha: float) -> Floats:
    r"""For each test of a family the p-value up to which Benjamini-Hochberg rejects it, the others being what they are.

    Test i of K is rejected when its p-value is at most :math:`α k / K` with the largest k for which at least k − 1 of the others
    are at most that. With nothing moved, the chance of any rejection is α; otherwise α bounds the expected share of false ones.

    >>> critical([0.001, 0.02, 0.9], 0.03)
    array([0.02, 0.02, 0.03])

    References
    ----------
    Benjamini and Hochberg (1995), Controlling the false discovery rate, JRSS B 57.
    """
    p = np.asarray(p_values, np.float64)
    count = len(p)
    steps = alpha * np.arange(1, count + 1) / max(count, 1)
    below = np.searchsorted(np.sort(p), steps, side="right")
    others = below[None, :] - (p[:, None] <= steps[None, :])
    enough = others >= np.arange(count)
    # The first step is always allowed: a test alone is compared with α / K.
    largest = count - 1 - np.argmax(enough[:, ::-1], axis=1) if count else np.zeros(0, np.int64)
    found: Floats = steps[largest]
    return found
