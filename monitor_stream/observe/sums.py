"""Rows of sums by window and group: many events become one row, and rows of one key add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints, Table
from monitor_stream.observe.columns import Array

#: Group codes lie below this; a key is window number times this plus the code.
GROUPS: Final = 1 << 24

#: Rows that are held before parts of one key are added.
ROWS: Final = 1 << 16


class Windows:
    """The windows a batch falls into: their numbers, and for each event which of them.

    >>> windows = Windows(np.array([7.0, 301.0, 8.0]), 300.0)
    >>> windows.numbers, windows.of
    (array([0, 1]), array([0, 1, 0]))
    """

    def __init__(self, times: Floats, seconds: float) -> None:
        numbers = np.floor_divide(times, seconds).astype(np.int64)
        if len(numbers) and (numbers == numbers[0]).all():
            self.numbers, self.of = numbers[:1], np.zeros(len(numbers), np.int64)
        else:
            self.numbers, self.of = np.unique(numbers, return_inverse=True)

    def select(self, rows: Array) -> Windows:
        """The windows of some of the events, by mask or index."""
        some = Windows.__new__(Windows)
        some.numbers, some.of = self.numbers, self.of[rows]
        return some

    def parts(self) -> Iterator[tuple[int, Array | slice]]:
        """Each window that holds an event: its number, and the events."""
        if len(self.numbers) == 1:
            yield int(self.numbers[0]), slice(None)
            return
        order = np.argsort(self.of, kind="stable")
        ends = np.cumsum(np.bincount(self.of, minlength=len(self.numbers))).tolist()
        for number, start, end in zip(self.numbers.tolist(), [0, *ends], ends, strict=False):
            if start < end:
                yield number, order[start:end]

    def keys(self, codes: Ints | int) -> Ints:
        """One key an event: its window and a group code."""
        return self.numbers[self.of] * GROUPS + codes


class Rows:
    """The rows of one table since the last drain."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._keys: list[Ints] = []
        self._sums: list[Floats] = []
        self._held = 0

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add_each(self, windows: Windows, codes: Ints | int, columns: Floats | None = None) -> None:
        """Add one row an event; without columns it counts 1. `columns` has a row a column, a column an event."""
        if not len(windows.of):
            return
        if isinstance(codes, int) and len(windows.numbers) == 1:
            whole = np.array([float(len(windows.of))]) if columns is None else columns.sum(axis=1)
            self.add(windows.numbers * GROUPS + codes, whole[None, :])
            return
        groups = int(np.max(codes)) + 1
        spread = len(windows.numbers) * groups
        if spread <= 4 * len(windows.of) + 4096:
            places = windows.of * groups + codes
            counts = np.bincount(places, minlength=spread)
            present = counts.nonzero()[0]
            keys = windows.numbers[present // groups] * GROUPS + present % groups
        else:
            keys, places, counts = np.unique(windows.keys(codes), return_inverse=True, return_counts=True)
            present, spread = np.arange(len(keys)), len(keys)
        if columns is None:
            sums = counts[present].astype(np.float64)[:, None]
        else:
            sums = np.stack([np.bincount(places, column, spread)[present] for column in columns], axis=1)
        self.add(keys, sums)

    def add_histogram(self, windows: Windows, bounds: Floats, values: Floats) -> None:
        """Count values by bucket: at most each bound, then above the last; a last column has their sum."""
        if not len(values):
            return
        columns, spread = len(bounds) + 1, len(windows.numbers)
        places = windows.of * columns + np.searchsorted(bounds, values)
        counts = np.bincount(places, minlength=spread * columns).reshape(spread, columns)
        sums = np.column_stack([counts, np.bincount(windows.of, values, spread)])
        present = counts.any(axis=1)
        self.add(windows.numbers[present] * GROUPS, sums[present])

    def add(self, keys: Ints, sums: Floats) -> None:
        """Add rows of sums, whatever their keys."""
        if not len(keys):
            return
        self._keys.append(keys)
        self._sums.append(sums)
        self._held += len(keys)
        if self._held > ROWS and len(self._keys) > 1:
            self._merge()

    def take(self) -> tuple[Ints, Floats]:
        """The rows, each key once, ascending; none are left."""
        self._merge()
        keys, sums = self._keys[0], self._sums[0]
        self._keys, self._sums, self._held = [], [], 0
        return keys, sums

    def _merge(self) -> None:
        keys, sums = np.concatenate(self._keys), np.concatenate(self._sums)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        self._keys, self._sums = [keys[starts]], [np.add.reduceat(sums[order], starts, axis=0)]
        # After a merge that found few repeats the next one waits until as much has come again.
        self._held = 0


def pack(keys: Ints, sums: Floats, names: Mapping[int, str], seconds: float) -> Table:
    """Rows as they travel: `names` has the group of each code."""
    windows = (keys // GROUPS) * seconds
    return Table.pack(windows.astype(np.int64), [names[code] for code in (keys % GROUPS).tolist()], sums)


def by_window(windows: Windows, matrix: Floats) -> tuple[Ints, Floats]:
    """The windows that hold an event, by number, and the sums of their events' rows of a matrix."""
    if len(windows.numbers) == 1:
        return windows.numbers, matrix.sum(axis=0, keepdims=True)
    order = np.argsort(windows.of, kind="stable")
    places = windows.of[order]
    starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    return windows.numbers[places[starts]], np.add.reduceat(matrix[order], starts, axis=0)
