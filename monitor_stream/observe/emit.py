"""What a drain says: pieces of sums, cut to a bound and packed into the numbered deltas of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from monitor_stream.events.codec import encode_delta
from monitor_stream.events.delta import (
    Delta,
    Example,
    Outcome,
    PairedSample,
    Sample,
    Scored,
    Table,
    VersionDelta,
)
from monitor_stream.events.fold import Message, Seat
from monitor_stream.events.tables import TableName
from monitor_stream.observe.era import Era, Taken
from monitor_stream.observe.model import Model, Version

#: A delta stays below this many bytes, give or take its names; the topic takes four times as much.
MAX_BYTES: Final = 700_000


class Piece(msgspec.Struct):
    """Part of a version's sums, small enough for one delta."""

    model: str
    version: str
    delta: VersionDelta
    size: int


def collect(model: Model, version: Version, era: Era) -> Iterator[Piece]:
    """All that an era has to say, in pieces."""
    taken = era.take()
    blank = VersionDelta(
        digest=era.digest,
        pending=0,
        newest_prediction=version.newest_prediction,
        newest_label=version.newest_label,
        spec=era.spec if era.spec.inferred else None,
    )
    gathered = _Gathered(taken.outcomes)
    for part in _parts(taken):
        if not gathered.takes(part):
            yield Piece(model.name, version.name, gathered.delta(blank), gathered.size)
            gathered = _Gathered({})
        gathered.add(part)
    yield Piece(model.name, version.name, gathered.delta(blank), gathered.size)


class _Part(NamedTuple):
    """Part of one table, of the scored pairs, or of a sample; and its size in bytes."""

    value: Table | Scored | Sample | PairedSample | Example
    size: int
    table: TableName | None = None


class _Gathered:
    """The parts of one piece."""

    def __init__(self, outcomes: dict[Outcome, int]) -> None:
        self.size = 0
        self._outcomes = outcomes
        self._tables: dict[TableName, Table] = {}
        self._scored: Scored | None = None
        self._samples: list[Sample] = []
        self._paired: list[PairedSample] = []
        self._examples: list[Example] = []

    def takes(self, part: _Part) -> bool:
        """Whether there is room: a piece has a table once, and the scored pairs."""
        there = part.table in self._tables or (isinstance(part.value, Scored) and self._scored is not None)
        return not there and (not self.size or self.size + part.size <= MAX_BYTES)

    def add(self, part: _Part) -> None:
        self.size += part.size
        if isinstance(part.value, Sample):
            self._samples.append(part.value)
        elif isinstance(part.value, PairedSample):
            self._paired.append(part.value)
        elif isinstance(part.value, Example):
            self._examples.append(part.value)
        elif isinstance(part.value, Scored):
            self._scored = part.value
        elif part.table is not None:
            self._tables[part.table] = part.value

    def delta(self, blank: VersionDelta) -> VersionDelta:
        return msgspec.structs.replace(
            blank,
            tables=self._tables,
            scored=self._scored,
            samples=self._samples,
            paired=self._paired,
            examples=self._examples,
            outcomes=self._outcomes,
        )


def deltas(model: Model, pieces: Iterable[Piece], seat: Seat, watermark: float) -> Iterator[Message]:
    """Number the pieces of one model; the last delta alone tells how far event time has got, and of idleness.

    What is scored later lies at or above the clock that was told, and that has to hold for the deltas of one drain too.
    """
    batches = list(_batches(pieces)) or [{}]
    outcomes: dict[Outcome, int] = model.outcomes
    for index, versions in enumerate(batches):
        model.announced_idle = model.idle and index == len(batches) - 1
        if index == len(batches) - 1:
            model.announced = (watermark, model.clock.time)
        epoch, number = model.chain
        delta = Delta(
            model=model.name,
            source=seat.partition,
            sources=seat.partitions,
            epoch=seat.epoch,
            number=number + 1,
            previous=(epoch, number),
            watermark=model.announced[0],
            clock=model.announced[1],
            idle=model.announced_idle,
            outcomes=outcomes,
            versions={
                name: msgspec.structs.replace(delta, pending=model.versions[name].pending)
                for name, delta in versions.items()
            },
        )
        model.chain = (seat.epoch, number + 1)
        outcomes = model.outcomes = {}
        yield Message("deltas", model.name.encode(), encode_delta(delta))


def _batches(pieces: Iterable[Piece]) -> Iterator[dict[str, VersionDelta]]:
    batch: dict[str, VersionDelta] = {}
    size = 0
    for piece in pieces:
        if batch and (size + piece.size > MAX_BYTES or piece.version in batch):
            yield batch
            batch, size = {}, 0
        batch[piece.version] = piece.delta
        size += piece.size
    if batch:
        yield batch


def _parts(taken: Taken) -> Iterator[_Part]:
    for name, table in taken.tables.items():
        windows, groups, sums = table.unpack()
        each = 8 + 8 * sums.shape[1] + sum(map(len, groups)) // len(groups) + 3
        for rows in _slices(len(groups), each):
            yield _Part(Table.pack(windows[rows], groups[rows], sums[rows]), each * len(groups[rows]), name)
    if taken.scored is not None:
        order, error = taken.scored.unpack()
        foretold = taken.scored.foretold() if taken.scored.expected else None
        for rows in _slices(len(order), 24):
            scored = Scored.pack(order[rows], error[rows], None if foretold is None else foretold[rows])
            yield _Part(scored, 24 * len(order[rows]))
    for sample in taken.samples:
        hashes, values = sample.unpack()
        described = sum(len(column.name) + sum(map(len, column.codes)) for column in sample.columns)
        each = 8 + 8 * values.shape[1]
        for rows in _slices(len(hashes), each):
            part = Sample.pack(sample.start, hashes[rows], values[rows], sample.columns)
            yield _Part(part, described + each * len(hashes[rows]))
    for pairs in taken.paired:
        hashes, errors, codes = pairs.unpack()
        described, each = sum(map(len, pairs.segments)), 18
        for rows in _slices(len(hashes), each):
            told = codes[rows] if pairs.segments else None
            some = PairedSample.pack(pairs.start, hashes[rows], errors[rows], pairs.segments, told)
            yield _Part(some, described + each * len(hashes[rows]))
    for example in taken.examples:
        yield _Part(example, len(msgspec.msgpack.encode(example)))


def _slices(rows: int, each: int) -> Iterator[slice]:
    """Rows of so many bytes each, in parts of half of what a delta holds at most."""
    step = max(1, MAX_BYTES // (2 * each))
    return (slice(start, start + step) for start in range(0, rows, step))
