"""Where in time a row lies: the drift span, and the hour of the week."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.judge.spans import MAX_RUN

#: The newest spans of the rows that are told apart.
MOST = 1000
HOURS = 168
#: 1 January 1970 was a Thursday; the week begins on Monday.
_EPOCH_HOUR = 72


class Spans:
    """The drift spans between two times (Unix seconds); rows that lie in none, or have no time, share a last slot.

    >>> spans = Spans(0.0, 100.0, seconds=60.0)
    >>> spans.slots, spans.of(np.array([10.0, 70.0, np.nan]))
    (3, array([0, 1, 2]))
    """

    def __init__(self, first: float, last: float, *, seconds: float) -> None:
        self._seconds = seconds
        end = int(last // seconds) + 1 if first <= last else 0
        self._begin = max(int(first // seconds), end - MOST) if first <= last else 0
        self.slots = end - self._begin + 1

    def of(self, at: Floats) -> Ints:
        """The slot of each row."""
        known = np.isfinite(at)
        slot = np.where(known, at, 0.0) // self._seconds - self._begin
        inside = known & (slot >= 0) & (slot < self.slots - 1)
        return np.where(inside, slot, self.slots - 1).astype(np.int64)


def runs(rows: Ints, least: int) -> list[tuple[int, int]]:
    """Spans that are judged together, as JUDGE does: the shortest runs (first, past the last) with `least` rows.

    What is left over at the end, or is too thin, is in no run.

    >>> runs(np.array([600, 300, 0, 300, 100]), least=500)
    [(0, 1), (1, 4)]
    """
    found, begin, held = [], 0, 0
    for slot, count in enumerate(rows.tolist()):
        begin, held = (begin, held + count) if held else (slot, count)
        if held >= least:
            found.append((begin, slot + 1))
        if held >= least or slot + 1 - begin >= MAX_RUN:
            held = 0
    return found


def hour_of_week(at: Floats) -> Ints:
    """Hours since Monday 00:00 UTC, and 168 for rows without a time.

    >>> hour_of_week(np.array([0.0, 4 * 86400.0, np.nan])).tolist()
    [72, 0, 168]
    """
    known = np.isfinite(at)
    hours = (np.where(known, at, 0.0) // 3600.0 + _EPOCH_HOUR) % HOURS
    return np.where(known, hours, HOURS).astype(np.int64)
