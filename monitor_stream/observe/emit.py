"""What a drain says: pieces of sums, cut to a bound and packed into the numbered deltas of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from monitor_stream.events.codec import encode_delta
from monitor_stream.events.delta import Delta, Outcome, Scored, Table, VersionDelta
from monitor_stream.events.fold import Message, Seat
from monitor_stream.events.tables import TableName
from monitor_stream.observe.era import Era
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
    tables, scored, outcomes = era.take()
    blank = VersionDelta(
        digest=era.digest,
        pending=0,
        newest_prediction=version.newest_prediction,
        newest_label=version.newest_label,
        spec=era.spec if era.spec.inferred else None,
    )
    gathered: dict[TableName, Table] = {}
    size = 0
    for name, table, weight in _cut(tables):
        if size + weight > MAX_BYTES or name in gathered:
            yield Piece(model.name, version.name, msgspec.structs.replace(blank, tables=gathered), size)
            gathered, size = {}, 0
        gathered[name] = table
        size += weight
    yield Piece(
        model.name, version.name, msgspec.structs.replace(blank, tables=gathered, outcomes=outcomes), size
    )
    for part in _cut_scored(scored):
        lone = msgspec.structs.replace(blank, scored=part)
        yield Piece(model.name, version.name, lone, len(part.order) + len(part.error))


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
        known = batch.get(piece.version)
        if batch and (size + piece.size > MAX_BYTES or (known and not _can_join(known, piece.delta))):
            yield batch
            batch, size, known = {}, 0, None
        batch[piece.version] = (
            msgspec.structs.replace(known, scored=piece.delta.scored) if known else piece.delta
        )
        size += piece.size
    if batch:
        yield batch


def _can_join(known: VersionDelta, other: VersionDelta) -> bool:
    """Whether the other one adds but the scored pairs that this one lacks."""
    return known.digest == other.digest and known.scored is None and not other.tables and not other.outcomes


def _cut(tables: dict[TableName, Table]) -> Iterator[tuple[TableName, Table, int]]:
    for name, table in tables.items():
        windows, groups, sums = table.unpack()
        each = 8 + 8 * sums.shape[1] + sum(map(len, groups)) // len(groups) + 3
        step = max(1, MAX_BYTES // (2 * each))
        for start in range(0, len(groups), step):
            rows = slice(start, start + step)
            part = Table.pack(windows[rows], groups[rows], sums[rows]) if len(groups) > step else table
            yield name, part, each * len(part.groups)


def _cut_scored(scored: Scored | None) -> list[Scored]:
    if scored is None:
        return []
    order, error = scored.unpack()
    step = MAX_BYTES // 32
    return [
        Scored.pack(order[start : start + step], error[start : start + step])
        for start in range(0, len(order), step)
    ]
