"""Windows of one length of one version: rows come, they close, are revised, and settle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from monitor_stream.events.tables import TableName
from monitor_stream.judge.persist import Journal, Kind, key, pack, unpack
from monitor_stream.judge.sums import PackedBlock, Rows, Sums

#: Unsettled windows of one version; beyond it the oldest settle before their time.
MAX_WINDOWS: Final = 10_000


class WindowState(msgspec.Struct, frozen=True, array_like=True):
    """A window as bytes."""

    reference: str
    revision: int
    closed: bool
    settled: bool
    changed: bool
    tables: dict[TableName, PackedBlock]


class OpenWindow:
    """A window that rows may still come for, or that longer spans are still made of.

    `revision` counts its publications; `changed` says that rows came since the last one.
    """

    __slots__ = (
        "changed",
        "closed",
        "field",
        "published_at",
        "reference",
        "revision",
        "seconds",
        "settled",
        "start",
        "sums",
    )

    def __init__(self, field: str, start: int, seconds: float, sums: Sums) -> None:
        self.field = field
        self.start = start
        self.seconds = seconds
        self.sums = sums
        self.reference = ""
        self.revision = 0
        self.closed = False
        self.settled = False
        self.changed = False
        self.published_at: float | None = None

    @property
    def end(self) -> float:
        """Where it ends, Unix seconds, itself outside."""
        return self.start + self.seconds

    def pack(self) -> bytes:
        """For the store."""
        return pack(
            WindowState(
                self.reference, self.revision, self.closed, self.settled, self.changed, self.sums.pack()
            )
        )

    @classmethod
    def unpack(cls, field: str, start: int, seconds: float, data: bytes) -> OpenWindow:
        """From the store."""
        state = unpack(WindowState, data)
        window = cls(field, start, seconds, Sums.unpack(state.tables))
        window.reference, window.revision = state.reference, state.revision
        window.closed, window.settled, window.changed = state.closed, state.settled, state.changed
        return window


class Windows:
    """The windows of a version, by start and length (a new spec may change the length).

    They close when the watermark passes their end, and settle when the floor (the clock less the horizon) does: rows
    for a window below the floor come too late.
    """

    def __init__(self, kind: Kind, model: str, version: str, journal: Journal) -> None:
        self.kind: Kind = kind
        self._owner = (model, version)
        self._journal = journal
        self._windows: dict[tuple[int, float], OpenWindow] = {}
        self._changed: dict[str, OpenWindow] = {}  # closed ones that rows came for since, by field
        self._next_close = math.inf
        self._next_settle = math.inf
        self._unsettled = 0
        self.floor = -math.inf

    def restore(self, start: int, seconds: float, data: bytes) -> None:
        """Take back what the store held."""
        window = OpenWindow.unpack(self._field(start, seconds), start, seconds, data)
        self._windows[start, seconds] = window
        self._expect(window)
        self._note_change(window)

    def __iter__(self) -> Iterator[OpenWindow]:
        return iter(self._windows.values())

    def add(self, table: TableName, start: int, seconds: float, rows: Rows, reference: str) -> bool:
        """Add rows of one window; False where it settled before they came."""
        window = self._windows.get((start, seconds))
        if window is None:
            if start + seconds <= self.floor:
                return False
            window = OpenWindow(self._field(start, seconds), start, seconds, Sums())
            self._windows[start, seconds] = window
            self._expect(window)
        elif window.settled:
            return False
        window.sums.add(table, rows)
        window.reference = window.reference or reference
        window.changed = True
        self._note_change(window)
        self._touch(window)
        return True

    def close(self, watermark: float) -> list[OpenWindow]:
        """The windows that the watermark passed and that were not closed yet, the oldest first."""
        if watermark < self._next_close:
            return []
        waiting = [window for window in self._windows.values() if not window.closed]
        self._next_close = min((w.end for w in waiting if w.end > watermark), default=math.inf)
        done = _ordered(window for window in waiting if window.end <= watermark)
        for window in done:
            window.closed = True
            self._touch(window)
        return done

    def settle(self, floor: float) -> list[OpenWindow]:
        """The windows that can get no rows any more, the oldest first."""
        self.floor = max(self.floor, floor, self._crowded())
        if self.floor < self._next_settle:
            return []
        waiting = [window for window in self._windows.values() if not window.settled]
        done = _ordered(window for window in waiting if window.end <= self.floor)
        self._next_settle = min((w.end for w in waiting if w.end > self.floor), default=math.inf)
        self._unsettled -= len(done)
        for window in done:
            window.closed = window.settled = True
            self._changed.pop(window.field, None)
            self._touch(window)
        return done

    def revise(self, now: float, interval: float) -> list[OpenWindow]:
        """The closed windows that rows came for since they were published, so long ago or longer, oldest first."""
        for window in self._changed.values():
            if window.published_at is None:  # before the first tick, or a restart: not known when
                window.published_at = now
        due = _ordered(w for w in self._changed.values() if now - (w.published_at or 0.0) >= interval)
        for window in due:
            del self._changed[window.field]
            self._touch(window)
        return due

    def forget(self, before: float) -> None:
        """Drop settled windows that end at or before a time."""
        for window in [w for w in self._windows.values() if w.settled and w.end <= before]:
            del self._windows[window.start, window.seconds]
            self._journal.delete(window.field)

    def _touch(self, window: OpenWindow) -> None:
        self._journal.put(window.field, window.pack)

    def _note_change(self, window: OpenWindow) -> None:
        if window.changed and window.closed and not window.settled:
            self._changed[window.field] = window

    def _expect(self, window: OpenWindow) -> None:
        if window.settled:
            return
        self._unsettled += 1
        self._next_settle = min(self._next_settle, window.end)
        if not window.closed:
            self._next_close = min(self._next_close, window.end)

    def _crowded(self) -> float:
        """The floor that leaves at most `MAX_WINDOWS`."""
        if self._unsettled <= MAX_WINDOWS:
            return -math.inf
        ends = sorted(window.end for window in self._windows.values() if not window.settled)
        return ends[-MAX_WINDOWS - 1]

    def _field(self, start: int, seconds: float) -> str:
        return key(self.kind, *self._owner, start, seconds)


def _ordered(windows: Iterable[OpenWindow]) -> list[OpenWindow]:
    return sorted(windows, key=lambda window: (window.start, window.seconds))
