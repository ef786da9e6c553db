"""What a run cost, told exactly from the ledgers: what each claim read again, and how long partitions stood still.

A *tenure* is one claim on a partition of OBSERVE. It ends with the first thing that ended it: its process was killed,
frozen or asked to end, ended by an error, or let go in a rebalance; or the same process took the partition again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from loadtest.chaos.ledger import Claimed, Committed, Ended, Line, Read, Released

#: How a tenure ended, beside what `Ended.how` says.
REBALANCE: Final = "rebalance"
RETAKEN: Final = "taken again by its own process"
PASSED_ON: Final = "claimed by another"
#: What was read by a worker whose claim had passed to another one.
ZOMBIE: Final = "a zombie's own reading"

Place = tuple[str, int]  # topic role, partition


class Cost(msgspec.Struct, frozen=True):
    """What one end of a tenure cost: records that its heir read again, or seconds until the next commit."""

    how: str
    began: float
    ended: float
    amount: float


class _Tenure:
    def __init__(self, claimed: Claimed) -> None:
        self.claimed = claimed
        self.end: Ended | None = None
        self.first_commit: float | None = None
        self.last_commit = 0.0
        self.has_read = False

    @property
    def how(self) -> str:
        return PASSED_ON if self.end is None else self.end.how

    @property
    def ended(self) -> float:
        return self.last_commit if self.end is None else self.end.time

    def note_commit(self, time: float) -> None:
        if self.first_commit is None:
            self.first_commit = time
        self.last_commit = time


class History:
    """All tenures, from the lines in the order of time."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._reads: list[Read] = []
        self._tenures: defaultdict[int, dict[int, _Tenure]] = defaultdict(dict)  # partition → epoch →
        held: defaultdict[int, dict[int, _Tenure]] = defaultdict(dict)  # process → partition →
        let_go: defaultdict[int, list[_Tenure]] = defaultdict(list)
        for pid, entry in lines:
            match entry:
                case Claimed(fold="observe"):
                    if (before := held[pid].get(entry.partition)) is not None:
                        before.end = Ended(entry.time, RETAKEN)
                    held[pid][entry.partition] = _Tenure(entry)
                    self._tenures[entry.partition][entry.epoch] = held[pid][entry.partition]
                    let_go[pid].clear()
                case Committed(fold="observe"):
                    self._tenures[entry.partition][entry.epoch].note_commit(entry.time)
                case Read():
                    self._reads.append(entry)
                    self._tenures[entry.partition][entry.epoch].has_read = True
                case Released() | Ended():
                    how = entry.how if isinstance(entry, Ended) else REBALANCE
                    for tenure in held.pop(pid, {}).values():
                        tenure.end = Ended(entry.time, how)
                        let_go[pid].append(tenure)
                    if isinstance(entry, Ended):  # it let go because it was about to end
                        for tenure in let_go.pop(pid, []):
                            tenure.end = Ended(tenure.end.time if tenure.end else entry.time, how)

    @property
    def read(self) -> int:
        """How many records were read, in all."""
        return sum(read.count for read in self._reads)

    def read_again(self, offsets: Mapping[Place, Sequence[int]]) -> list[Cost]:
        """For each claim, how many records it read that had been read before. `offsets` are those there are, ascending."""
        seen: dict[Place, int] = {}
        newest: dict[int, int] = {}
        again: defaultdict[tuple[int, int], int] = defaultdict(int)
        zombies: list[Cost] = []
        for read in self._reads:
            place = (read.role, read.partition)
            there = offsets[place]
            known = min(read.last, seen.get(place, -1))
            count = max(0, bisect_right(there, known) - bisect_left(there, read.first))
            if read.epoch < newest.get(read.partition, 0):
                zombies.append(Cost(ZOMBIE, read.time, read.time, count))
            else:
                again[read.partition, read.epoch] += count
            newest[read.partition] = max(read.epoch, newest.get(read.partition, 0))
            seen[place] = max(read.last, seen.get(place, -1))
        return zombies + [
            Cost(before.how, before.ended, tenure.claimed.time, again[partition, tenure.claimed.epoch])
            for partition in self._tenures
            for before, tenure in pairwise(self._in_order(partition, lambda tenure: tenure.has_read))
        ]

    def came_to(self, place: Place, time: float) -> int:
        """The last offset of a place that was read before a time; -1 if none was."""
        return max((read.last for read in self._of(place) if read.time < time), default=-1)

    def pauses(self) -> list[Cost]:
        """From each end of a tenure to the next commit of its partition, in seconds."""
        pauses = []
        for partition in self._tenures:
            for before, tenure in pairwise(
                self._in_order(partition, lambda tenure: tenure.first_commit is not None)
            ):
                ended = tenure.first_commit or 0.0
                if ended > before.ended:
                    pauses.append(Cost(before.how, before.ended, ended, ended - before.ended))
        return pauses

    def lost(self, removed: Mapping[Place, tuple[float, int]]) -> dict[Place, range]:
        """What nobody read, given when what lay below which offset of a place was removed.

        The last claim that stood below that offset tells: those after it stood above, by a commit. A broker that crashes
        may have what was removed once more; what was read of it after all is not lost.
        """
        return {place: self._lost(place, time, first) for place, (time, first) in removed.items()}

    def _lost(self, place: Place, time: float, first: int) -> range:
        role, partition = place
        below = [
            tenure.claimed
            for tenure in self._in_order(partition, lambda tenure: tenure.claimed.time > time)
            if tenure.claimed.offsets.get(role, 0) < first
        ]
        if not below:
            return range(first, first)
        read_from = min(
            (read.first for read in self._of(place) if read.epoch >= below[-1].epoch), default=first
        )
        return range(below[-1].offsets.get(role, 0), min(first, read_from))

    def _of(self, place: Place) -> Iterator[Read]:
        return (read for read in self._reads if (read.role, read.partition) == place)

    def _in_order(self, partition: int, which: Callable[[_Tenure], bool]) -> list[_Tenure]:
        tenures = self._tenures[partition]
        return [tenures[epoch] for epoch in sorted(tenures) if which(tenures[epoch])]
