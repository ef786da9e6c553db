"""Looks that wait for their time: the checks run ahead of each other, and incidents must not depend on by how much."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from monitor_stream.judge.incidents.looks import Key, Look
from monitor_stream.judge.incidents.track import ROW, verdict

#: Looks of one version that wait; beyond it the older half is let go before its time.
MAX_HELD: Final = 2_000
#: Looks of one track that wait; beyond it some of a long run that fires are left out.
MAX_HELD_OF_TRACK: Final = 64


class Held:
    """Drift is known as soon as predictions have passed, errors when labels have: a worker that catches up may be
    months ahead on the one. Looks are held until the clock, the slower of both, has passed them, and let go in one order.
    """

    def __init__(self, looks: Iterable[Look] = ()) -> None:
        self._by_key: dict[Key, list[Look]] = {}
        for look in looks:
            self._by_key.setdefault(look.key, []).append(look)

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))

    def all(self) -> list[Look]:
        """In order, for the store."""
        return sorted(itertools.chain.from_iterable(self._by_key.values()), key=lambda look: look.order)

    def add(self, look: Look, *, followed: bool) -> bool:
        """Hold a look; False where it could change nothing, `followed` or not by a track."""
        before = self._by_key.get(look.key, [])
        if not look.firing:
            if not (before or followed):
                return False
            if len(before) >= ROW and all(verdict(held).low for held in [*before[-ROW:], look]):
                return False
        self._by_key[look.key] = [*before, look]
        return True

    def release(self, clock: float) -> list[list[Look]]:
        """The looks that were due before the clock, in order; those due at one moment together."""
        looks = self.all()
        due = sum(1 for _ in itertools.takewhile(lambda look: look.known < clock, looks))
        left = looks[due:]
        if len(left) > MAX_HELD:  # an order that depends on luck, rather than memory without bound
            due += len(left) // 2
            left = looks[due:]
        self._by_key = {}
        for look in left:
            self._by_key.setdefault(look.key, []).append(look)
        for key, waiting in self._by_key.items():
            if len(waiting) > MAX_HELD_OF_TRACK:
                self._by_key[key] = _thinned(waiting)
        return [list(together) for _, together in itertools.groupby(looks[:due], lambda look: look.known)]


def _thinned(looks: list[Look]) -> list[Look]:
    """Without those whose neighbours fire as they do, the densest first: no gap shall look like the end of a track."""
    left = list(looks)
    while len(left) > MAX_HELD_OF_TRACK:
        alike = [at for at in range(1, len(left) - 1) if all(look.firing for look in left[at - 1 : at + 2])]
        if not alike:
            break
        del left[min(alike, key=lambda at: left[at + 1].known - left[at - 1].known)]
    return left
