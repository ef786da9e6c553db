"""A uniform sample of rows, the same on every run, whatever order the blocks come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

#: Rows sampled of a column: all of a smaller file, and enough for the quantiles of a larger one (± 0.25 % of the rows).
ROWS = 50_000


def mix(keys: Hashes) -> Hashes:
    """Hashes of whole numbers: the finaliser of SplitMix64, which no two keys share.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

    >>> [hex(int(hash)) for hash in mix(np.array([0, 1], np.uint64))]
    ['0xe220a8397b1dcdaf', '0x6e789e6aa1b965f4']
    """
    with np.errstate(over="ignore"):
        keys = (keys + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


class Sample:
    """The rows whose numbers have the smallest hashes.

    >>> sample = Sample(2)
    >>> sample.add(pa.table({"x": [10, 11, 12, 13]}), np.arange(4, dtype=np.uint64))
    >>> len(sample.rows())
    2
    """

    def __init__(self, size: int = ROWS) -> None:
        self._size = size
        self._limit = np.uint64(2**64 - 1)
        self._tables: list[Any] = []
        self._hashes: list[Hashes] = []
        self._held = 0

    def add(self, table: Any, numbers: Hashes) -> None:
        """Take in rows (an Arrow table), and their numbers in the file."""
        hashes = mix(numbers)
        chosen = np.flatnonzero(hashes <= self._limit)
        if len(chosen) < len(hashes):
            # Copies of what was chosen, not views that keep a whole block alive.
            table, hashes = table.take(pa.array(chosen)), hashes[chosen]
        self._tables.append(table)
        self._hashes.append(hashes)
        self._held += len(hashes)
        if self._held > 3 * self._size // 2:
            self._cut()

    def rows(self) -> Any:
        """The sample as an Arrow table, in the order of the file."""
        self._cut()
        return self._tables[0]

    def _cut(self) -> None:
        table, hashes = pa.concat_tables(self._tables), np.concatenate(self._hashes)
        if len(hashes) > self._size:
            chosen = np.sort(np.argpartition(hashes, self._size)[: self._size])
            table, hashes = table.take(pa.array(chosen)), hashes[chosen]
            self._limit = hashes.max()
        self._tables, self._hashes, self._held = [table.combine_chunks()], [hashes], len(hashes)
