"""Runs of closed windows: with fewer predictions a share says little, so windows are added up until they hold enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

import msgspec

from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.judge.persist import Journal, pack, unpack
from monitor_stream.judge.windows import OpenWindow

_MONTH: Final = 30 * DAY
#: Nobody wants to be told of what happens by chance more often, however large the budget or long the run.
_MOST: Final = 0.01


class Run(msgspec.Struct, array_like=True):
    """What the windows of a run had, added up: [start, end) in Unix seconds, all of one spec. Also how it is stored."""

    digest: str = ""
    start: float = math.inf
    end: float = -math.inf

    def chance(self, spec: ModelSpec, checks: int = 1) -> float:
        """The probability with which one of so many checks on each run may alarm falsely, by the spec's budget of a month."""
        looks = _MONTH / max(self.end - self.start, 1.0) * max(checks, 1)
        return min(spec.drift.false_alarms_per_month / looks, _MOST)


R = TypeVar("R", bound=Run)


class Runs(Generic[R]):
    """Adds closed windows up to runs of one kind; the one that is open is kept in a field of the state.

    `add` adds up what a window has, `is_full` says whether a run holds enough to be judged by its spec. Rows that come after a window has closed are in its revisions, and not looked at here: there are few, or the source is
    behind.
    """

    def __init__(
        self,
        field: str,
        kind: type[R],
        journal: Journal,
        *,
        add: Callable[[R, OpenWindow], None],
        is_full: Callable[[R, ModelSpec], bool],
    ) -> None:
        self._field = field
        self._kind = kind
        self._add = add
        self._is_full = is_full
        self._journal = journal
        self._run = kind()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._run = unpack(self._kind, data)

    def take(
        self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]
    ) -> Iterator[tuple[R, ModelSpec]]:
        """Take in windows that have closed, in their order: the runs that they filled, and the spec of each."""
        for window in closed:
            spec = spec_of(window.reference)
            run = self._run if self._run.digest == window.reference else self._kind(window.reference)
            run.start, run.end = min(run.start, window.start), max(run.end, window.end)
            self._add(run, window)
            full = self._is_full(run, spec)
            self._run = self._kind(window.reference) if full else run
            self._journal.put(self._field, lambda: pack(self._run))
            if full:
                yield run, spec
