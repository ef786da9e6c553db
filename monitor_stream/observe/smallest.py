"""The rows of a span whose ids have the smallest hashes: a uniform sample, the same on every run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Ints
from monitor_stream.observe.columns import Array, concatenate
from monitor_stream.observe.sums import Windows

Hashes = npt.NDArray[np.uint64]

#: Spans of which the smallest hashes are held, the newest ones. A span that is not among them sends more rows than it
#: would have to; which ones end in the sample does not change.
MAX_SPANS: Final = 32


def mixed(hashes: Hashes) -> Hashes:
    """Hashes of hashes (SplitMix64): independent of whatever else the first ones decide.

    >>> mixed(np.array([1], np.uint64))
    array([6238072747940578789], dtype=uint64)
    """
    h = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


class SpanRows(NamedTuple):
    """Rows of a span by ascending hash; `columns` are those that were offered."""

    start: int
    hashes: Hashes
    columns: list[Array]


class Smallest:
    """What one source has to send of the samples of a version.

    A row is sent if its hash is among the smallest `rows` of its span so far. The smallest of all were so when they
    came, whatever came before and wherever it began anew: so nothing of this needs to survive a restart. Of one hash all
    rows are sent.

    >>> smallest = Smallest(seconds=60.0, rows=1)
    >>> ids, values = np.array([1, 2], np.uint64), np.array([0.5, 0.7])
    >>> smallest.offer(Windows(np.array([70.0, 80.0]), 60.0), ids, lambda rows: [values[rows]])
    >>> smallest.take()
    [SpanRows(start=60, hashes=array([6238072747940578789], dtype=uint64), columns=[array([0.5])])]
    """

    def __init__(self, seconds: float, rows: int) -> None:
        self._seconds, self._rows = seconds, rows
        self._smallest: dict[int, Hashes] = {}
        self._entered: dict[int, list[tuple[Hashes, list[Array]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._entered)

    def offer(self, spans: Windows, hashes: Hashes, columns: Callable[[Ints], list[Array]]) -> None:
        """Look at rows; `columns` is asked for those that enter, by their places."""
        mixed_hashes = mixed(hashes)
        limits = np.array([self._limit(number) for number in spans.numbers.tolist()], np.uint64)
        low = np.flatnonzero(mixed_hashes <= (limits[0] if len(limits) == 1 else limits[spans.of]))
        if not len(low):
            return
        for number, some in spans.select(low).parts():
            self._enter(number, mixed_hashes, low[some], columns)
        for number in sorted(self._smallest)[:-MAX_SPANS]:
            del self._smallest[number]

    def take(self) -> list[SpanRows]:
        """The rows to send, by span; none are left."""
        taken = []
        for number, parts in sorted(self._entered.items()):
            hashes = np.concatenate([hashes for hashes, _ in parts])
            order = np.argsort(hashes, kind="stable")
            order = order[hashes[order] <= np.uint64(self._limit(number))]
            columns = zip(*(columns for _, columns in parts), strict=True)
            joined = [concatenate(column, column[0].dtype)[order] for column in columns]
            taken.append(SpanRows(int(number * self._seconds), hashes[order], joined))
        self._entered = {}
        return taken

    def _limit(self, number: int) -> int:
        """The hash at or below which a row of a span enters."""
        smallest = self._smallest.get(number)
        full = smallest is not None and len(smallest) >= self._rows
        return int(smallest[-1]) if full else np.iinfo(np.uint64).max  # type: ignore[index]

    def _enter(
        self, number: int, hashes: Hashes, places: Ints, columns: Callable[[Ints], list[Array]]
    ) -> None:
        smallest = np.concatenate((self._smallest.get(number, np.empty(0, np.uint64)), hashes[places]))
        self._smallest[number] = np.unique(smallest)[: self._rows]
        among = places[hashes[places] <= np.uint64(self._limit(number))]
        self._entered.setdefault(number, []).append((hashes[among], columns(among)))
