"""Rows that are looked up by the hash of an id: sorted immutable runs, searched by whole batches.

A buffer holds what arrived as runs sorted by hash. New rows make a new run; neighbours of like size merge, so that
there are about log n of them and a row is moved about log n times. Runs follow each other in order of arrival: the
`seq` of a row (how many came before it) lies above that of every row of an older run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor_stream.observe.columns import Array, Columns, concatenate, select, stack
from monitor_stream.observe.journal import GONE, Journal, State

#: A run merges with the one before it unless that is more than this many times as long.
MERGE_RATIO: Final = 2

#: A run looks for rows that are due at most this many times while the clock crosses the times in it.
SCANS: Final = 256


#: For the rows of a run: when an open one has waited in vain, and when one that is not is forgotten.
Deadlines = Callable[[Columns], tuple[Array, Array]]


class Query:
    """Hashes to look up, sorted once for all runs of all buffers: a sorted search walks memory in one direction."""

    def __init__(self, hashes: npt.NDArray[np.uint64]) -> None:
        self.order = np.argsort(hashes)
        self.hashes = hashes[self.order]

    def __len__(self) -> int:
        return len(self.hashes)


class Run:
    """Rows sorted by `hash`, then `seq`; `state` alone changes."""

    def __init__(self, columns: Columns) -> None:
        hashes, seqs = columns["hash"], columns["seq"]
        self.columns = columns
        self.state: npt.NDArray[np.uint8] = columns["state"]
        self.first, self.last = int(seqs.min()), int(seqs.max())
        self.newest_position = float(columns["position"].max())
        self.newest_time = float(columns["time"].max())
        self.repeats = bool((hashes[1:] == hashes[:-1]).any())
        self.scan_at = -np.inf

    def __len__(self) -> int:
        return len(self.state)

    def find(self, query: Query) -> tuple[Array, Array]:
        """Which entries of the query meet which rows, those that are gone left out."""
        hashes = self.columns["hash"]
        left = np.searchsorted(hashes, query.hashes)
        inside = np.flatnonzero(left < len(hashes))
        rows = left[inside]
        same = hashes[rows] == query.hashes[inside]
        entries, rows = inside[same], rows[same]
        if self.repeats and len(rows):
            counts = np.searchsorted(hashes, query.hashes[entries], "right") - rows
            entries = np.repeat(entries, counts)
            rows = np.repeat(rows - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        held = self.state[rows] != GONE
        return query.order[entries[held]], rows[held]


class Matches:
    """Pairs of a query's entry and a buffer's row."""

    def __init__(self, runs: list[Run], entry: Array, row: Array, run: Array) -> None:
        self._runs, self.entry, self._row, self._run = runs, entry, row, run

    @classmethod
    def of(cls, parts: list[tuple[Run, Array, Array]]) -> Matches:
        """From the entries and rows of each run."""
        return cls(
            [run for run, _, _ in parts],
            concatenate([entries for _, entries, _ in parts], np.int64),
            concatenate([rows for _, _, rows in parts], np.int64),
            np.repeat(np.arange(len(parts)), np.array([len(rows) for _, _, rows in parts], np.int64)),
        )

    def __len__(self) -> int:
        return len(self.entry)

    def select(self, chosen: Array) -> Matches:
        """Some of the pairs, by mask or index."""
        return Matches(self._runs, self.entry[chosen], self._row[chosen], self._run[chosen])

    def parts(self) -> Iterator[tuple[Run, Array, Array]]:
        """Each run that is met: the rows met, and the pairs they belong to."""
        if len(self._runs) == 1:
            yield self._runs[0], self._row, np.arange(len(self))
            return
        for number, run in enumerate(self._runs):
            here = np.flatnonzero(self._run == number)
            if len(here):
                yield run, self._row[here], here

    def column(self, name: str) -> Array:
        """A column of the rows, one value a pair."""
        parts = list(self.parts())
        values = concatenate([run.columns[name][rows] for run, rows, _ in parts], np.float64)
        if len(parts) == 1:
            return values
        ordered = np.empty_like(values)
        ordered[concatenate([here for _, _, here in parts], np.int64)] = values
        return ordered


class Buffer:
    """What is held of one kind: predictions of a version under one spec, or labels of a model.

    Each row is ``OPEN`` (waits; not yet joined), ``TAKEN`` (joined, remembered for its repeats) or ``GONE``.
    """

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.open = 0
        self.held = 0  # rows that are not gone
        self.journal = Journal()
        self._next = 0

    @property
    def nbytes(self) -> int:
        """Memory of all columns, and of what tells how they are written."""
        columns = sum(int(column.nbytes) for run in self.runs for column in run.columns.values())
        return columns + self.journal.nbytes

    def add(self, columns: Columns) -> None:
        """Take in rows in order of arrival: `hash`, `position`, `time`, `state` and what else the owner keeps."""
        count = len(columns["hash"])
        if not count:
            return
        order = np.argsort(columns["hash"], kind="stable")
        rows = select(columns, order)
        rows["seq"] = order + self._next
        self._next += count
        self.open += int(np.count_nonzero(columns["state"] == State.OPEN))
        self.held += count
        self.runs.append(Run(rows))
        self._merge()

    def find(self, query: Query, useful: Callable[[Run], bool]) -> Matches:
        """The rows that a query meets in the runs that can be of use."""
        parts = [(run, *run.find(query)) for run in self.runs if useful(run)]
        return Matches.of([part for part in parts if len(part[1])])

    def mark(self, matches: Matches, state: State) -> None:
        """Set the state of rows, each named once."""
        for run, rows, _ in matches.parts():
            self._set(run, rows, state)

    def expire(self, clock: float, deadlines: Deadlines) -> int:
        """Drop what no rule can use any more; how many open rows waited in vain."""
        return sum(self._scan(run, clock, deadlines) for run in self.runs if clock > run.scan_at)

    def _scan(self, run: Run, clock: float, deadlines: Deadlines) -> int:
        waits, known = deadlines(run.columns)
        vain = np.flatnonzero((run.state == State.OPEN) & (clock > waits))
        self._set(run, vain, State.TAKEN)
        self._set(run, np.flatnonzero((run.state == State.TAKEN) & (clock > known)), State.GONE)
        # An open row may be taken at any time, and is then due when it is forgotten.
        due = np.where((run.state == State.OPEN) & (known <= clock), waits, np.minimum(waits, known))
        due = due[run.state != GONE]
        # Expiry may be late (the rules look at times, not at what is held) but must not be dear: a long run is
        # looked at again when the clock has crossed a part of what is left of its times.
        run.scan_at = max(due.min(), clock + (due.max() - clock) / SCANS) if len(due) else np.inf
        return len(vain)

    def evict(self, count: int, state: State) -> int:
        """Drop the `count` oldest rows of a state by time; how many there were to drop."""
        rows = [np.flatnonzero(run.state == state) for run in self.runs]
        times = concatenate(
            [run.columns["time"][r] for run, r in zip(self.runs, rows, strict=True)], np.float64
        )
        if count < len(times):
            limit = np.sort(np.partition(times, count - 1)[:count])[-1] if count else -np.inf
            chosen = times < limit
            chosen[np.flatnonzero(times == limit)[: count - int(chosen.sum())]] = True
        else:
            chosen = np.ones(len(times), bool)
        ends = np.cumsum([len(r) for r in rows])
        for run, r, end in zip(self.runs, rows, ends, strict=True):
            self._set(run, r[chosen[end - len(r) : end]], State.GONE)
        return int(chosen.sum())

    def tidy(self) -> None:
        """Give back the memory of runs that are mostly gone."""
        self.runs = [run for run in map(_live, self.runs) if len(run)]
        self._merge()

    def changes(self, prefix: str, puts: dict[str, bytes], deletes: list[str]) -> None:
        """Write what changed since the last call under keys that start with the prefix."""
        self.journal.write(prefix, self._next, self._between, puts, deletes)

    @classmethod
    def restore(cls, prefix: str, fields: Mapping[str, bytes]) -> Buffer:
        """What `changes` wrote."""
        buffer = cls()
        buffer.journal, columns = Journal.restore(prefix, fields)
        if columns:
            order = np.argsort(columns["hash"], kind="stable")
            run = Run(select(columns, order))
            buffer.runs = [run]
            buffer._next = run.last + 1
            buffer.open = int((run.state == State.OPEN).sum())
            buffer.held = len(run)
        return buffer

    def _between(self, ranges: Sequence[tuple[int, int]]) -> list[Columns]:
        """Held rows of each range ``first <= seq < last`` in order of arrival; the ranges ascend and do not overlap."""
        firsts, lasts = np.array(ranges, np.int64).T
        parts = []
        for run in self.runs:
            if run.first < lasts[-1] and run.last >= firsts[0]:
                seqs = run.columns["seq"]
                near = np.flatnonzero((seqs >= firsts[0]) & (seqs < lasts[-1]) & (run.state != GONE))
                parts.append(
                    (run, near[seqs[near] < lasts[np.searchsorted(firsts, seqs[near], "right") - 1]])
                )
        if not parts:
            return [{} for _ in ranges]
        rows = stack([select(run.columns, r) for run, r in parts])
        rows = select(rows, np.argsort(rows["seq"]))
        starts, ends = (np.searchsorted(rows["seq"], limits).tolist() for limits in (firsts, lasts))
        return [select(rows, slice(start, end)) for start, end in zip(starts, ends, strict=True)]

    def _set(self, run: Run, rows: Array, state: State) -> None:
        if not len(rows):
            return
        before = run.state[rows]
        self.open += (len(rows) if state == State.OPEN else 0) - int((before == State.OPEN).sum())
        self.held -= len(rows) if state == State.GONE else 0
        run.state[rows] = state
        self.journal.mark(run.columns["seq"][rows], state)

    def _merge(self) -> None:
        while len(self.runs) > 1 and len(self.runs[-2]) <= MERGE_RATIO * len(self.runs[-1]):
            newer, older = self.runs.pop(), self.runs.pop()
            rows = stack([_held(older), _held(newer)])
            if len(rows["hash"]):
                order = np.argsort(rows["hash"], kind="stable")  # two sorted halves: linear
                self.runs.append(Run(select(rows, order)))


def _held(run: Run) -> Columns:
    keep = run.state != GONE
    return run.columns if keep.all() else select(run.columns, keep)


def _live(run: Run) -> Run:
    keep = np.count_nonzero(run.state != GONE)
    if keep > len(run) // 2:
        return run
    if keep == 0:
        run.state = run.state[:0]
        return run
    return Run(_held(run))
