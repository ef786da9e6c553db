"""How many label values may be exported, and which: once a value has its series it keeps it.

A counter that moved in and out of ``__other__`` would make ``__other__`` fall, which Prometheus takes for a restart
and answers with a spike. So who has a series keeps it until it is gone from the results, and newcomers take what
is free, the largest first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from monitor_stream.events.spec import OTHER

Limit = Annotated[int, Meta(ge=1)]


class SeriesLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The most label values on ``/metrics``, in all or for one model: `symbol` in the catalogue's bounds.

    Parameters
    ----------
    models
        M. Further models are left out.
    versions
        V, of one model: those with the newest predictions. Older ones are left out.
    segments, features
        S and K, of one version. Further ones are counted together as ``__other__``, and of drift left out. Sensitive
        attributes are bounded as features are.
    """

    models: Limit = 200
    versions: Limit = 10
    segments: Limit = 50
    features: Limit = 20


class Seats:
    """Gives out a limited number of seats, and remembers who has one.

    Parameters
    ----------
    urgent
        Who claims more than this and finds no free seat takes that of the smallest claim below: for gauges, whose series
        may end.

    >>> seats = Seats(2)
    >>> sorted(seats.choose({"a": 1, "b": 5, "c": 3}))
    ['b', 'c']
    >>> sorted(seats.choose({"a": 9, "b": 5, "c": 3}))
    ['b', 'c']
    >>> sorted(seats.choose({"a": 9, "c": 3}))
    ['a', 'c']
    >>> seats = Seats(1, urgent=1.0)
    >>> sorted(seats.choose({"a": 0.5, "b": 0.4})), sorted(seats.choose({"a": 0.5, "b": 0.9}))
    (['a'], ['a'])
    >>> sorted(seats.choose({"a": 0.5, "b": 1.5})), sorted(seats.choose({"a": 3.0, "b": 1.5}))
    (['b'], ['b'])
    """

    def __init__(self, limit: int, urgent: float = math.inf) -> None:
        self._limit = limit
        self._urgent = urgent
        self._taken: set[str] = set()

    def choose(self, candidates: Mapping[str, float]) -> frozenset[str]:
        """Who has a seat now; `candidates` maps each name to its claim, and equal claims go by name."""
        self._taken &= candidates.keys()
        waiting = sorted(candidates.keys() - self._taken, key=lambda name: (-candidates[name], name))
        free = self._limit - len(self._taken)
        self._taken.update(waiting[:free])
        for name in waiting[free:]:
            least = min(self._taken, key=lambda taken: (candidates[taken], taken))
            if not candidates[least] <= self._urgent < candidates[name]:
                break
            self._taken.remove(least)
            self._taken.add(name)
        return frozenset(self._taken)


def fold(counts: Iterable[tuple[str, int]], seated: frozenset[str]) -> dict[str, int]:
    """Add up what has no seat.

    >>> fold([("US", 5), ("DE", 2), ("FR", 1)], frozenset({"US"}))
    {'US': 5, '__other__': 3}
    """
    folded: dict[str, int] = {}
    for name, count in counts:
        kept = name if name in seated else OTHER
        folded[kept] = folded.get(kept, 0) + count
    return folded
