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


class Distinct:
    """The values with the smallest hashes, and how often each came.

    As long as there are no more than `size` values, these are all values and everything is exact. Beyond that they are
    a uniform sample of the values, each with its exact count (a value that is in was in from its first row on), so
    `distinct` and `singletons` are estimates: with 100,000 values to 0.3 %, with 10,000 to 1 %, one standard error.

    Source: Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002; Gibbons, VLDB 2001.

    >>> found = Distinct(10)
    >>> found.add(pa.array(["a", "b", "a"]))
    >>> found.exact, found.distinct, found.singletons, found.counts()
    (True, 2, 1, [('a', 2), ('b', 1)])
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._limit = np.uint64(2**64 - 1)
        self._tables: list[Any] = []
        self._held = 0

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
        chosen = pa.array(hashes <= self._limit)
        table = pa.table({"value": values, "hash": pa.array(hashes), "count": pa.array(counts)}).filter(
            chosen
        )
        self._tables.append(table)
        self._held += len(table)
        if self._held > 2 * self._size:
            self._cut()

    @property
    def exact(self) -> bool:
        """Whether every value is known."""
        self._cut()
        return bool(self._limit == np.uint64(2**64 - 1))

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
        """The values and their counts, the commonest first; all of them only if `exact`."""
        self._cut()
        if not self._tables:
            return []
        table = self._tables[0].sort_by([("count", "descending"), ("value", "ascending")])
        return list(zip(table["value"].to_pylist(), table["count"].to_pylist(), strict=True))

    def _scaled(self, held: int) -> int:
        if self._limit == np.uint64(2**64 - 1):
            return held
        return round(held * (self._size - 1) / self._size * 2.0**64 / float(self._limit))

    def _cut(self) -> None:
        if not self._tables:
            return
        if len(self._tables) > 1:
            joined = pa.concat_tables(self._tables).group_by(["value", "hash"], use_threads=False)
            table = joined.aggregate([("count", "sum")]).rename_columns({"count_sum": "count"})
        else:
            table = self._tables[0]
        if len(table) > self._size:
            hashes = np.asarray(table["hash"])
            chosen = np.sort(np.argpartition(hashes, self._size)[: self._size])
            table, self._limit = table.take(pa.array(chosen)), hashes[chosen].max()
        self._tables, self._held = [table.combine_chunks()], len(table)


def _number_hashes(values: Any) -> Hashes:
    return mix(np.asarray(values, np.float64).view(np.uint64))
