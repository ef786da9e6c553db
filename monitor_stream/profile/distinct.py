"""The distinct values of a column with their counts: all of them, or a uniform sample when there are too many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.observe.values import hashes as text_hashes
from monitor_stream.profile.sample import Hashes, mix

#: Values counted one by one.
TEXTS, NUMBERS = 100_000, 10_000
_NO_LIMIT = np.uint64(2**64 - 1)


class Distinct:
    """The values with the smallest hashes, and how often each came.

    As long as there are no more than `size` values, these are all values and everything is exact. Beyond that they are
    a uniform sample of the values, of which the hashes are kept, each with its exact count (a value that is in was in
    from its first row on), so `distinct` and `singletons` are estimates: with 100,000 values to 0.3 %, with 10,000 to
    1 %, one standard error.

    Source: Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002; Gibbons, VLDB 2001.

    >>> found = Distinct(10)
    >>> found.add(pa.array(["a", "b", "a"]))
    >>> found.exact, found.distinct, found.singletons, found.counts()
    (True, 2, 1, [('a', 2), ('b', 1)])
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._limit = _NO_LIMIT
        self._tables: list[Any] = []
        self._held = self._known = 0

    def add(self, values: Any) -> None:
        """Take in values: Arrow strings or doubles, none of them null."""
        numbers = pa.types.is_floating(values.type)
        if numbers:
            # Cheaper before the counting than after, and 0.0 is -0.0.
            values = pc.add(values, 0.0)
            hashes = _number_hashes(values)
            values = values.filter(pa.array(hashes <= self._limit))
        counted = pc.value_counts(values)
        values, counts = counted.field("values"), np.asarray(counted.field("counts"))
        hashes = _number_hashes(values) if numbers else text_hashes(values.to_pylist())
        # Which values they are is told only of all of them, and long ones are many times as large as their hashes.
        named = {"value": values} if self._all else {}
        table = pa.table({**named, "hash": hashes, "count": counts}).filter(hashes <= self._limit)
        self._tables.append(table)
        self._held += len(table)
        if self._held > 2 * max(self._known, self._size // 10):
            self._cut()

    @property
    def exact(self) -> bool:
        """Whether every value is known."""
        self._cut()
        return self._all

    @property
    def distinct(self) -> int:
        """How many values there are."""
        self._cut()
        return self._scaled(self._held)

    @property
    def singletons(self) -> int:
        """How many values came once."""
        self._cut()
        return self._scaled(int((np.asarray(self._tables[0]["count"]) == 1).sum())) if self._tables else 0

    def counts(self) -> list[tuple[Any, int]]:
        """The values and their counts, the commonest first; only if `exact`."""
        self._cut()
        if not self._tables:
            return []
        table = self._tables[0].sort_by([("count", "descending"), ("value", "ascending")])
        return list(zip(table["value"].to_pylist(), table["count"].to_pylist(), strict=True))

    @property
    def _all(self) -> bool:
        return bool(self._limit == _NO_LIMIT)

    def _scaled(self, held: int) -> int:
        if self._all:
            return held
        return round(held * (self._size - 1) / self._size * 2.0**64 / float(self._limit))

    def _cut(self) -> None:
        if not self._tables or self._held <= self._known:
            return
        table = pa.concat_tables(self._tables)
        hashes = np.asarray(table["hash"])
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        first = np.concatenate([[0], np.flatnonzero(np.diff(hashes)) + 1])
        counts = np.add.reduceat(np.asarray(table["count"])[order], first)
        if len(first) > self._size:
            first, counts = first[: self._size], counts[: self._size]
            self._limit = hashes[first[-1]]
        named = {"value": table["value"].take(pa.array(order[first]))} if self._all else {}
        table = pa.table({**named, "hash": hashes[first], "count": counts})
        self._tables, self._held, self._known = [table.combine_chunks()], len(table), len(table)


def _number_hashes(values: Any) -> Hashes:
    return mix(np.asarray(values, np.float64).view(np.uint64))
