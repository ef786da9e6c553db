"""How far reading is behind the end of a partition, told by our own clock alone.

The timestamps of records would not do: they are the senders', may be years old, and a quiet partition has none.
"""

from __future__ import annotations

from math import inf

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """How one partition is read: `behind` in seconds, the other two Unix seconds.

    Parameters
    ----------
    behind
        How long it takes until an end of the partition is reached, once it was seen; infinite until the end that was
        there at the claim is reached.
    moved
        When a record was last applied, or there was none to apply.
    told
        When Kafka last said where the partition ends.
    """

    behind: float
    moved: float
    told: float


class Reading:
    """Follows one partition from the claim on: remembers one end until it is reached, then takes the next.

    >>> reading = Reading()
    >>> reading.note(0, 100, now=10.0)
    >>> reading.note(60, 150, now=11.0)
    >>> reading.progress(12.0).behind  # 100 was not reached yet
    inf
    >>> reading.note(100, 170, now=13.0)
    >>> reading.progress(13.5).behind
    3.0
    >>> reading.note(170, 170, now=14.0)
    >>> reading.progress(15.0).behind
    0.0
    """

    def __init__(self) -> None:
        self._position = -1
        self._goal: int | None = None
        self._seen = self._moved = self._told = 0.0
        self._took = inf

    def note(self, position: int, end: int, now: float) -> None:
        """Reading stands at `position`, the next offset to apply, and the partition ends at `end`."""
        if position != self._position or position >= end:
            self._position, self._moved = position, now
        self._told = now
        if position >= end:
            self._goal, self._took = None, 0.0
        elif self._goal is None:
            self._goal, self._seen = end, now
        elif position >= self._goal:
            self._took = now - self._seen
            self._goal, self._seen = end, now

    def progress(self, now: float) -> Progress:
        """May be called from any thread."""
        waits = 0.0 if self._goal is None else now - self._seen
        return Progress(max(self._took, waits), self._moved, self._told)
