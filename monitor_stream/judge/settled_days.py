"""The newest settled days of a version: what is judged over as many of them as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

import msgspec

from monitor_stream.events.spec import DAY
from monitor_stream.events.tables import TableName
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.sums import PackedBlock, Rows, Sums
from monitor_stream.judge.windows import OpenWindow

#: How far back it goes.
MOST: Final = 30
KEPT: Final[tuple[TableName, ...]] = (
    "performance", "answers", "calibration", "group_classes", "group_confusion",
)  # fmt: skip


class Span(NamedTuple):
    """Days taken together: [start, end) in Unix seconds, the sums over them, and on how many there was anything."""

    start: float
    end: float
    sums: Sums
    days: int


class DayState(msgspec.Struct, frozen=True, array_like=True):
    """A day as bytes."""

    reference: str
    tables: dict[TableName, PackedBlock]


class SettledDays:
    """The newest `MOST` days that were judged by one spec; each is one field of the state, written once.

    Sums of another spec may be centred and binned differently: with its first day the former ones go.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._days: dict[int, Sums] = {}
        self.reference = ""

    def restore(self, start: int, data: bytes) -> None:
        """Take back what the store held of a day."""
        state = unpack(DayState, data)
        self.reference = state.reference
        self._days[start] = Sums.unpack(state.tables)

    def add(self, day: OpenWindow) -> None:
        """Add the day after those there are."""
        sums = Sums()
        sums.tables = {name: block for name, block in day.sums.tables.items() if name in KEPT}
        for old in list(self._days):
            if day.reference != self.reference or old <= day.start - MOST * DAY:
                del self._days[old]
                self._journal.delete(self._field(old))
        self.reference = day.reference
        self._days[day.start] = sums
        self._journal.put(self._field(day.start), partial(_packed, day.reference, sums))

    def __iter__(self) -> Iterator[tuple[int, Sums]]:
        """The start and the sums of each day, the oldest first."""
        return iter(sorted(self._days.items()))

    def back(self) -> Iterator[Span]:
        """The newest day, then the newest two, and so on to all: each is added to the sums of the one before."""
        together = Sums()
        for count, start in enumerate(sorted(self._days, reverse=True), 1):
            for name, block in self._days[start].tables.items():
                together.add(name, Rows(list(block.groups), block.rows))
            yield Span(float(start), max(self._days) + DAY, together, count)

    def _field(self, start: int) -> str:
        return key("settled", *self._owner, start)


def _packed(reference: str, sums: Sums) -> bytes:
    return pack(DayState(reference, sums.pack()))
