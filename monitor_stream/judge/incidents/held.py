"""Looks that wait for their time: the checks run ahead of each other, and incidents must not depend on by how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from monitor_stream.judge.incidents.looks import Look
from monitor_stream.judge.incidents.track import ROW, verdict

#: Looks of one version that wait; beyond it the older half is let go before its time.
MAX_HELD: Final = 2_000
#: Looks of one track that wait; beyond it those in the middle of a long run that fires are left out.
MAX_HELD_OF_TRACK: Final = 64


class Held:
    """Drift is known as soon as predictions have passed, errors when labels have: a worker that catches up may be
    months ahead on the one. Looks are held until the clock, the slower of both, has passed them, and let go in one order.
    """

    def __init__(self, looks: Iterable[Look] = ()) -> None:
        self._looks = sorted(looks, key=lambda look: look.order)

    def __len__(self) -> int:
        return len(self._looks)

    def all(self) -> list[Look]:
        """For the store."""
        return self._looks

    def add(self, look: Look, *, followed: bool) -> bool:
        """Hold a look; False where it could change nothing, `followed` or not by a track."""
        before = [held for held in self._looks if held.key == look.key]
        if not look.firing:
            if not (before or followed):
                return False
            quiet = [held for held in before[-ROW:] if verdict(held).low]
            if len(quiet) == ROW and verdict(look).low:
                return False
        elif len(before) >= MAX_HELD_OF_TRACK and all(held.firing for held in before[-ROW:]):
            self._looks.remove(before[-1])
        self._looks.append(look)
        self._looks.sort(key=lambda each: each.order)
        return True

    def release(self, clock: float) -> list[list[Look]]:
        """The looks that were due before the clock, in order; those due at one moment together."""
        if len(self._looks) > MAX_HELD:
            clock = max(clock, self._looks[len(self._looks) // 2].known)
        due: list[list[Look]] = []
        while self._looks and self._looks[0].known < clock:
            look = self._looks.pop(0)
            if due and due[-1][0].known == look.known:
                due[-1].append(look)
            else:
                due.append([look])
        return due
