"""Facts about a version in the order in which they were known."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import msgspec

from monitor_stream.judge.why.facts import Fact

#: Facts of each kind that are remembered: the newest. A change is found within a month of its beginning.
MAX_KEPT: Final = 32
#: Facts that wait for their time; beyond it the older half is let go before its time.
MAX_WAITING: Final = 1_200

F = TypeVar("F", bound=Fact)


class DiaryState(msgspec.Struct, array_like=True):
    """What is kept of a version."""

    waiting: list[Fact] = []
    kept: list[Fact] = []


class Diary:
    """Predictions may be read months ahead of labels, and what is known by the ones is no fact yet for what the others tell: an
    explanation knows what had happened by its own time.

    >>> from monitor_stream.judge.why.facts import Changed
    >>> diary = Diary()
    >>> diary.note([Changed(known, known, known, "spec", "") for known in (300.0, 100.0, 200.0)])
    >>> [fact.known for fact in diary.release(250.0)], [fact.known for fact in diary.of(Changed)]
    ([100.0, 200.0], [100.0, 200.0])
    """

    def __init__(self, state: DiaryState | None = None) -> None:
        self._state = state or DiaryState()
        self.changed = False

    @property
    def state(self) -> DiaryState:
        """For the store."""
        return self._state

    def note(self, facts: Iterable[Fact]) -> None:
        """Hold facts until their time has come."""
        new = list(facts)
        if new:
            self._state.waiting = sorted([*self._state.waiting, *new], key=_order)
            self.changed = True

    def release(self, clock: float) -> Iterator[Fact]:
        """The facts that were known before a time, in order; each is remembered from the moment on at which it is told."""
        waiting = self._state.waiting
        due = sum(1 for _ in itertools.takewhile(lambda fact: fact.known < clock, waiting))
        if len(waiting) - due > MAX_WAITING:  # luck, rather than memory without bound
            due += (len(waiting) - due) // 2
        self._state.waiting = waiting[due:]
        for fact in waiting[:due]:
            self._state.kept = _newest([*self._state.kept, fact])
            self.changed = True
            yield fact

    def of(self, kind: type[F]) -> list[F]:
        """What is remembered of a kind, in the order in which it was known."""
        return [fact for fact in self._state.kept if isinstance(fact, kind)]


def _newest(facts: list[Fact]) -> list[Fact]:
    """The newest of each kind, in order."""
    left: list[Fact] = []
    counts: dict[type[Fact], int] = {}
    for fact in reversed(facts):
        counts[type(fact)] = counts.get(type(fact), 0) + 1
        if counts[type(fact)] <= MAX_KEPT:
            left.append(fact)
    return left[::-1]


def _order(fact: Fact) -> tuple[float, str, float, str]:
    detail = fact.detail if hasattr(fact, "detail") else ""
    return fact.known, type(fact).__name__, fact.start, detail
