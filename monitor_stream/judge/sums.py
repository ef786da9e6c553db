"""Tables of sums, which grow by adding rows: what a window, a day and the totals of a version are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import OTHER, Task
from monitor_stream.events.tables import PERFORMANCE, TableName, segment_group, split_segment

#: Groups of one table; rows of further ones are added to the group of the others.
MAX_GROUPS: Final = 5000

_TASKS: Final[Mapping[int, Task]] = {len(columns): task for task, columns in PERFORMANCE.items()}
#: What is of the task that `performance` is of.
_OF_TASK: Final[tuple[TableName, ...]] = (
    "scores", "confusion", "answers", "calibration", "group_classes", "group_confusion",
)  # fmt: skip
_POSITION: Final = "<u4"


class Rows(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one table and one span of time: `sums[i]` (float64) belongs to `groups[i]`."""

    groups: list[str]
    sums: Floats

    def total(self) -> Rows:
        """Rows of one group added, so that no group stands twice."""
        if len(set(self.groups)) == len(self.groups):
            return self
        index: dict[str, int] = {}
        at = [index.setdefault(group, len(index)) for group in self.groups]
        sums = np.zeros((len(index), self.sums.shape[1]))
        np.add.at(sums, at, self.sums)
        return Rows(list(index), sums)


class PackedBlock(msgspec.Struct, frozen=True, array_like=True):
    """A block as bytes: its values row by row, or where most are 0 the others and their positions."""

    groups: list[str]
    columns: int
    values: bytes  # float64
    positions: bytes | None  # uint32


class Block:
    """One table of one window: a row of float64 sums for each group.

    >>> block = Block(2)
    >>> block.add(["", "carrier=UA"], np.array([[3.0, 1.0], [2.0, 0.0]]))
    >>> block.add([""], np.array([[1.0, 0.0]]))
    >>> block.row("").tolist(), block.row("carrier=AA").tolist()
    ([4.0, 1.0], [0.0, 0.0])
    """

    __slots__ = ("_index", "_sums")

    def __init__(self, columns: int) -> None:
        self._index: dict[str, int] = {}
        self._sums = np.zeros((0, columns))

    @property
    def columns(self) -> int:
        """How many sums a row has."""
        return int(self._sums.shape[1])

    @property
    def groups(self) -> Sequence[str]:
        """The groups, in the order of their first row."""
        return list(self._index)

    @property
    def rows(self) -> Floats:
        """The sums, one row for each of `groups`."""
        return self._sums[: len(self._index)]

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[tuple[str, Floats]]:
        return zip(self._index, self._sums, strict=False)

    def row(self, group: str) -> Floats:
        """The sums of a group; zeros where it has none."""
        at = self._index.get(group)
        return np.zeros(self.columns) if at is None else self._sums[at]

    def add(self, groups: Sequence[str], sums: Floats) -> None:
        """Add rows, as many as groups; a group may stand there twice."""
        if not self._index and len(groups) <= MAX_GROUPS and self._start(groups, sums):
            return
        try:
            at = [self._index[group] for group in groups]
        except KeyError:
            at = [self._place(group) for group in groups]
            self._grow()
        if len(at) == 1:
            self._sums[at[0]] += sums[0]
        elif len(set(at)) == len(at):
            self._sums[at] += sums
        else:
            np.add.at(self._sums, at, sums)

    def _start(self, groups: Sequence[str], sums: Floats) -> bool:
        index = dict(zip(groups, range(len(groups)), strict=True))
        if len(index) != len(groups):
            return False
        self._index, self._sums = index, np.array(sums, np.float64)
        return True

    def _place(self, group: str) -> int:
        at = self._index.get(group)
        if at is None and len(self._index) >= MAX_GROUPS:
            group = segment_group(split_segment(group)[0], OTHER) if "=" in group else OTHER
        return self._index.setdefault(group, len(self._index)) if at is None else at

    def _grow(self) -> None:
        missing = len(self._index) - len(self._sums)
        if missing > 0:
            room = np.zeros((max(missing, len(self._sums)), self.columns))
            self._sums = np.concatenate([self._sums, room])

    def pack(self) -> PackedBlock:
        """The block as bytes."""
        flat = np.ascontiguousarray(self.rows).ravel()
        positions = np.flatnonzero(flat)
        if positions.size * 12 < flat.size * 8:
            values, where = flat[positions], positions.astype(_POSITION).tobytes()
        else:
            values, where = flat, None
        return PackedBlock(list(self._index), self.columns, values.astype("<f8").tobytes(), where)

    @classmethod
    def unpack(cls, packed: PackedBlock) -> Block:
        """The block that was packed."""
        block, values = cls(packed.columns), np.frombuffer(packed.values, "<f8")
        if packed.positions is None:
            flat = values.copy()
        else:
            flat = np.zeros(len(packed.groups) * packed.columns)
            flat[np.frombuffer(packed.positions, _POSITION)] = values
        block._index = {group: at for at, group in enumerate(packed.groups)}
        block._sums = flat.reshape(-1, packed.columns)
        return block


class Sums:
    """The tables of one window, day, or version.

    A window's error sums are of one task: rows of another task, made after the spec was corrected, replace them.
    """

    __slots__ = ("tables",)

    def __init__(self) -> None:
        self.tables: dict[TableName, Block] = {}

    def add(self, table: TableName, rows: Rows) -> None:
        """Add rows of a table."""
        block = self.tables.get(table)
        if block is None or block.columns != rows.sums.shape[1]:
            if block is not None and table == "performance":
                for other in _OF_TASK:
                    self.tables.pop(other, None)
            block = self.tables[table] = Block(rows.sums.shape[1])
        block.add(rows.groups, rows.sums)

    def row(self, table: TableName, group: str = "") -> Floats | None:
        """The sums of a group, ``None`` where the table has no rows at all."""
        block = self.tables.get(table)
        return None if block is None else block.row(group)

    def total(self, table: TableName, column: int) -> int:
        """A count over all records: the group ``""``."""
        row = self.row(table)
        return 0 if row is None else int(row[column])

    def task(self, otherwise: Task) -> Task:
        """The task that the error sums are of."""
        block = self.tables.get("performance")
        return otherwise if block is None else task_of(block.columns)

    def pack(self) -> dict[TableName, PackedBlock]:
        """All tables as bytes."""
        return {name: block.pack() for name, block in self.tables.items()}

    @classmethod
    def unpack(cls, packed: Mapping[TableName, PackedBlock]) -> Sums:
        """The tables that were packed."""
        sums = cls()
        sums.tables = {name: Block.unpack(block) for name, block in packed.items()}
        return sums


def task_of(columns: int) -> Task:
    """The task whose `performance` sums have so many columns.

    >>> task_of(len(PERFORMANCE["binary"]))
    'binary'
    """
    return _TASKS[columns]


def chosen(windows: Ints, rows: Rows, kept: Sequence[bool] | npt.NDArray[np.bool_]) -> tuple[Ints, Rows]:
    """Some of the rows, with their windows.

    >>> windows, rows = chosen(np.array([0, 300]), Rows(["a", "b"], np.array([[1.0], [2.0]])), [False, True])
    >>> windows.tolist(), rows.groups, rows.sums.tolist()
    ([300], ['b'], [[2.0]])
    """
    kept = np.asarray(kept, bool)
    groups = [group for group, keep in zip(rows.groups, kept.tolist(), strict=True) if keep]
    return windows[kept], Rows(groups, rows.sums[kept])


def by_window(windows: Ints, rows: Rows) -> Iterator[tuple[int, Rows]]:
    """Rows parted by their window, the earliest first.

    >>> parts = by_window(np.array([300, 0, 300]), Rows(["", "", "a=1"], np.array([[1.0], [2.0], [3.0]])))
    >>> [(window, rows.groups, rows.sums.tolist()) for window, rows in parts]
    [(0, [''], [[2.0]]), (300, ['', 'a=1'], [[1.0], [3.0]])]
    """
    if not len(windows):
        return
    groups, sums = rows.groups, rows.sums
    steps = np.diff(windows)
    if steps.size and steps.min() < 0:
        order = np.argsort(windows, kind="stable")
        windows, sums = windows[order], sums[order]
        groups = [groups[at] for at in order.tolist()]
        steps = np.diff(windows)
    ends = [*(np.flatnonzero(steps) + 1).tolist(), len(windows)]
    start = 0
    for window, end in zip(windows[[0, *ends[:-1]]].tolist(), ends, strict=True):
        yield window, Rows(groups[start:end], sums[start:end])
        start = end


def merged(windows: Ints, rows: Rows, seconds: float) -> Iterator[tuple[int, Rows]]:
    """Rows of windows added into longer windows of so many seconds.

    >>> parts = merged(np.array([0, 300, 3600]), Rows(["", "", ""], np.array([[1.0], [2.0], [4.0]])), 3600)
    >>> [(window, rows.sums.tolist()) for window, rows in parts]
    [(0, [[3.0]]), (3600, [[4.0]])]
    """
    longer = (windows // seconds * seconds).astype(np.int64)
    return ((window, part.total()) for window, part in by_window(longer, rows))
