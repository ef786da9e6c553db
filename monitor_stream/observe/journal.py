"""How a buffer is written: segments of rows in order of arrival, and beside each the states that changed since.

A commit writes the rows that are new as one segment, and for a segment some of whose rows were taken or dropped, one
byte of two bits for four rows. Segments of like size merge up to a bound, one that is half gone is written anew, one
that is all gone is deleted: so a row is written a few times in its life, and nothing is kept that is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final

import numpy as np

from monitor_stream.observe.columns import Array, Columns, pack, select, stack, unpack

#: Rows of one segment: bounds what one commit rewrites, and the number of fields of a full buffer.
SEGMENT_ROWS: Final = 8192


#: Held rows of ascending ranges ``first <= seq < last``, each in order of arrival.
Between = Callable[[Sequence[tuple[int, int]]], list[Columns]]


class State(IntEnum):
    """What became of a row."""

    OPEN = 0
    TAKEN = 1
    GONE = 2


GONE: Final = int(State.GONE)


class Segment:
    """One field of the store. `seqs` are those of its rows, ascending."""

    def __init__(self, number: int, seqs: Array, states: Array) -> None:
        self.number = number
        self.seqs = seqs
        self.states = states
        self.touched = False

    @property
    def live(self) -> int:
        """Rows that are not gone."""
        return int(np.count_nonzero(self.states != GONE))


class Journal:
    """What of a buffer is written, and where."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._written = 0
        self._number = 0
        self._marks: list[tuple[Array, State]] = []

    @property
    def nbytes(self) -> int:
        """Memory of the bookkeeping."""
        return sum(int(s.seqs.nbytes + s.states.nbytes) for s in self._segments)

    def mark(self, seqs: Array, state: State) -> None:
        """Rows changed their state; those not yet written are of no concern."""
        self._marks.append((seqs[seqs < self._written], state))

    def write(
        self,
        prefix: str,
        end: int,
        between: Between,
        puts: dict[str, bytes],
        deletes: list[str],
    ) -> None:
        """Add to `puts` and `deletes` what makes the store hold the buffer as it is.

        `between` gives the held rows of ranges of `seq`; `end` is above every `seq`.
        """
        self._apply_marks()
        starts = range(self._written, end, SEGMENT_ROWS)
        for rows in between([(first, min(end, first + SEGMENT_ROWS)) for first in starts]) if starts else ():
            self._segments += self._put(prefix, rows, puts)
        self._written = end
        self._compact(prefix, between, puts, deletes)
        for segment in self._segments:
            if segment.touched:
                puts[_marks_key(prefix, segment)] = _pack_states(segment.states)
                segment.touched = False

    def _apply_marks(self) -> None:
        starts = np.array([segment.seqs[0] for segment in self._segments], np.int64)
        for seqs, state in self._marks:
            ordered = np.sort(seqs)
            ends = np.append(np.searchsorted(ordered, starts[1:]), len(ordered)).tolist()
            for segment, first, end in zip(self._segments, [0, *ends], ends, strict=False):
                if first < end:
                    segment.states[np.searchsorted(segment.seqs, ordered[first:end])] = state
                    segment.touched = True
        self._marks = []

    def _put(self, prefix: str, rows: Columns, puts: dict[str, bytes]) -> list[Segment]:
        if not rows or not len(rows["seq"]):
            return []
        segment = Segment(self._number, rows["seq"].copy(), rows["state"].copy())
        self._number += 1
        puts[f"{prefix}/{segment.number}"] = pack(rows)
        return [segment]

    def _compact(
        self,
        prefix: str,
        between: Between,
        puts: dict[str, bytes],
        deletes: list[str],
    ) -> None:
        groups = [group for group in _groups(self._segments) if _is_stale(group)]
        if not groups:
            return
        stale = [segment for group in groups for segment in group]
        for segment in stale:
            for key in (f"{prefix}/{segment.number}", _marks_key(prefix, segment)):
                puts.pop(key, None)
                deletes.append(key)
        kept = set(self._segments) - set(stale)
        for rows in between([(int(group[0].seqs[0]), int(group[-1].seqs[-1]) + 1) for group in groups]):
            kept.update(self._put(prefix, rows, puts))
        self._segments = sorted(kept, key=lambda segment: int(segment.seqs[0]))

    @classmethod
    def restore(cls, prefix: str, fields: Mapping[str, bytes]) -> tuple[Journal, Columns]:
        """The journal, and the rows that it holds in order of arrival."""
        journal = cls()
        parts: list[Columns] = []
        for key, value in fields.items():
            if key.endswith("/marks"):
                continue
            rows = unpack(value)
            segment = Segment(int(key.removeprefix(f"{prefix}/")), rows["seq"], rows["state"])
            marks = fields.get(_marks_key(prefix, segment))
            if marks is not None:
                segment.states = _unpack_states(marks, len(segment.seqs))
            journal._segments.append(segment)
            parts.append(select(rows | {"state": segment.states}, segment.states != GONE))
        if not parts:
            return journal, {}
        journal._segments.sort(key=lambda segment: int(segment.seqs[0]))
        journal._number = 1 + max(segment.number for segment in journal._segments)
        journal._written = 1 + max(int(segment.seqs[-1]) for segment in journal._segments)
        return journal, stack(parts)


def _is_stale(group: list[Segment]) -> bool:
    """Whether to write segments anew: several as one, or one that is half gone."""
    return len(group) > 1 or 2 * group[0].live <= len(group[0].seqs)


def _groups(segments: list[Segment]) -> list[list[Segment]]:
    """Neighbours to be written as one: of like size, together within the bound."""
    groups: list[list[Segment]] = []
    sizes: list[int] = []
    for segment in segments:
        group, size = [segment], segment.live
        while groups and sizes[-1] <= 2 * size and sizes[-1] + size <= SEGMENT_ROWS:
            group = groups.pop() + group
            size += sizes.pop()
        groups.append(group)
        sizes.append(size)
    return groups


def _marks_key(prefix: str, segment: Segment) -> str:
    return f"{prefix}/{segment.number}/marks"


def _pack_states(states: Array) -> bytes:
    return np.packbits(np.stack([states & 1, states >> 1])).tobytes()


def _unpack_states(data: bytes, rows: int) -> Array:
    low, high = np.unpackbits(np.frombuffer(data, np.uint8), count=2 * rows).reshape(2, rows)
    return low | (high << 1)
