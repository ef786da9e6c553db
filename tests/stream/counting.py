"""Two small folds that count: enough to see a record that was lost, or counted twice."""

from typing import Self

import msgspec

from monitor_stream.events.fold import Batch, Changes, Limits, Message, Outputs, Seat, State
from monitor_stream.events.spec import Specs


class Counted(msgspec.Struct):
    """What a partition of observe has seen: records and the sum of their numbers, by topic."""

    records: dict[str, int] = {}
    sums: dict[str, int] = {}
    messages: int = 0
    poison: dict[str, list[int]] = {}  # the offsets, by topic
    ended: list[str] = []


class CountingObserve:
    """Counts records, and tells judge about each batch of them by a numbered message."""

    def __init__(self, seat: Seat, counted: Counted) -> None:
        self._seat = seat
        self._counted = counted
        self._new = 0
        self._letters: list[Message] = []
        self._changed = False

    def apply(self, batch: Batch) -> None:
        counted, role = self._counted, batch.topic
        if batch.poison:
            counted.poison.setdefault(role, []).extend(batch.offsets)
            self._letters += [
                Message("deadletters", None, b"%s %d" % (role.encode(), at)) for at in batch.offsets
            ]
            self._changed = True
            return
        counted.records[role] = counted.records.get(role, 0) + len(batch.values)
        counted.sums[role] = counted.sums.get(role, 0) + sum(
            int(value.split()[0]) for value in batch.values if value
        )
        if batch.ended and role not in counted.ended:
            counted.ended.append(role)
        self._new += len(batch.values)
        self._changed = True

    def tick(self, now: float) -> None:
        """Nothing to expire."""

    def drain(self) -> Outputs:
        if not self._changed:
            return Outputs()
        self._counted.messages += 1
        source = self._seat.partition
        delta = f"{source} {self._counted.messages} {self._new}".encode()
        letters, self._new, self._letters = self._letters, 0, []
        return Outputs(
            messages=[*letters, Message("deltas", b"key-%d" % source, delta)],
            results={f"source:{source}": msgspec.json.encode(self._counted)},
        )

    def changes(self) -> Changes:
        if not self._changed:
            return Changes()
        self._changed = False
        return Changes(puts={"counted": msgspec.json.encode(self._counted)})

    @classmethod
    def restore(cls, state: State, seat: Seat, specs: Specs, limits: Limits) -> Self:  # noqa: ARG003  # the contract
        return cls(seat, msgspec.json.decode(state.get("counted", b"{}"), type=Counted))


class CountingJudge:
    """Adds up what the messages say, each number of a source once; a number left out is a gap."""

    def __init__(self, totals: dict[str, list[int]]) -> None:
        self._totals = totals  # source → newest number, records, gaps
        self._changed = set[str]()
        self.poison: list[int] = []

    def apply(self, batch: Batch) -> None:
        if batch.poison:
            self.poison += batch.offsets
            return
        for value in batch.values:
            assert value is not None
            source, number, count = value.decode().split()
            total = self._totals.setdefault(source, [0, 0, 0])
            if int(number) > total[0]:
                total[2] += int(number) - total[0] - 1
                total[0] = int(number)
                total[1] += int(count)
                self._changed.add(source)

    def tick(self, now: float) -> None:
        """Nothing to expire."""

    def drain(self) -> Outputs:
        return Outputs(
            messages=[
                Message("windows", source.encode(), b"%d" % self._totals[source][1])
                for source in self._changed
            ],
            results={
                f"total:{source}": msgspec.json.encode(self._totals[source]) for source in self._changed
            },
        )

    def changes(self) -> Changes:
        puts = {source: msgspec.json.encode(self._totals[source]) for source in self._changed}
        self._changed.clear()
        return Changes(puts=puts)

    @classmethod
    def restore(cls, state: State, seat: Seat, specs: Specs, limits: Limits) -> Self:  # noqa: ARG003  # the contract
        return cls({source: msgspec.json.decode(total) for source, total in state.items()})
