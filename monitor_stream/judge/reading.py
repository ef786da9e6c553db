"""Deltas as arrays, checked: what JUDGE adds up must be whole, or it is set aside whole."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.delta import (
    Delta,
    Floats,
    Ints,
    PairedSample,
    Sample,
    Scored,
    Table,
    VersionDelta,
)
from monitor_stream.events.tables import COLUMNS, ESTIMATES, PERFORMANCE, TableName
from monitor_stream.judge.sampled import SampledRows
from monitor_stream.judge.sums import Rows

#: Times that a calendar has: 1970 to 9999.
_LAST: Final = 253_402_300_799.0
_WIDTHS: Final[dict[str, frozenset[int]]] = {name: frozenset({len(c)}) for name, c in COLUMNS.items()} | {
    "performance": frozenset(len(columns) for columns in PERFORMANCE.values()),
    "estimates": frozenset(len(columns) for columns in ESTIMATES.values()),
}


class UnreadableDeltaError(ValueError):
    """A delta that is not one, or whose parts do not fit together. The message says what is wrong."""


class VersionRows(NamedTuple):
    """One version's part of a delta: rows with their windows by table, (order time, error, foretold error) of scored
    pairs, and sampled rows with the start of their span.
    """

    part: VersionDelta
    tables: dict[TableName, tuple[Ints, Rows]]
    errors: tuple[Floats, Floats, Floats] | None
    samples: list[tuple[int, SampledRows]]


class Arrived(NamedTuple):
    """A delta and its arrays."""

    delta: Delta
    versions: dict[str, VersionRows]


def read(value: bytes) -> Arrived:
    """Decode and check a delta; raises `UnreadableDeltaError`."""
    try:
        delta = decode_delta(value)
        versions = {name: _version(part) for name, part in delta.versions.items()}
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        raise UnreadableDeltaError(f"not a delta: {error}") from error
    if not (delta.watermark <= _LAST and delta.clock <= _LAST):
        raise UnreadableDeltaError(f"not a delta: watermark {delta.watermark}, clock {delta.clock}")
    if min(delta.epoch, delta.number, delta.source, delta.sources) < 0:
        raise UnreadableDeltaError("not a delta: a negative number in its chain")
    return Arrived(delta, versions)


def _version(part: VersionDelta) -> VersionRows:
    tables = {name: _table(name, table) for name, table in part.tables.items()}
    errors = None if part.scored is None else _scored(part.scored)
    for pairs in part.paired:
        _check_paired(pairs)
    for example in part.examples:
        if not (math.isfinite(example.score) and math.isfinite(example.time) and 0 <= example.start <= _LAST):
            raise ValueError("an example has a score or a day that is none")
    return VersionRows(part, tables, errors, [(sample.start, _sampled(sample)) for sample in part.samples])


def _table(name: TableName, table: Table) -> tuple[Ints, Rows]:
    windows, groups, sums = table.unpack()
    if len(windows) != len(groups):
        raise ValueError(f"table {name} has {len(windows)} windows and {len(groups)} groups")
    if not groups:
        return windows, Rows([], np.zeros((0, min(_WIDTHS[name]))))
    if sums.shape[1] not in _WIDTHS[name]:
        raise ValueError(f"table {name} has {sums.shape[1]} columns")
    if not np.isfinite(sums).all():
        raise ValueError(f"table {name} holds a sum that is not finite")
    if windows.min() < 0 or windows.max() > _LAST:
        raise ValueError(f"table {name} has a window that no calendar has")
    if name == "histograms" and sums.min() < 0.0:
        raise ValueError("a histogram counts less than nothing")
    return windows, Rows(groups, sums)


def _scored(scored: Scored) -> tuple[Floats, Floats, Floats]:
    order, error = scored.unpack()
    foretold = scored.foretold()
    if not len(order) == len(error) == len(foretold):
        raise ValueError(f"{len(order)} order times for {len(error)} errors, {len(foretold)} foretold")
    if np.isinf(foretold).any():
        raise ValueError("a foretold error is infinite")
    if not (np.isfinite(order).all() and np.isfinite(error).all()):
        raise ValueError("an error or its order time is not finite")
    if order.size and (order.min() < 0.0 or order.max() > _LAST):
        raise ValueError("an error has an order time that no calendar has")
    return order, error, foretold


def _sampled(sample: Sample) -> SampledRows:
    """Rows hold NaN where a value is missing, and nothing else that is not finite."""
    sampled = SampledRows.of(sample)
    hashes, rows, columns = sampled
    if not len(hashes):
        raise ValueError("a sample has no rows")
    if rows.shape[1] == 0 or (columns and rows.shape[1] != len(columns) + 1):
        raise ValueError(f"a sample has {rows.shape[1]} columns, {len(columns)} are described")
    if (hashes[1:] < hashes[:-1]).any():
        raise ValueError("the hashes of a sample do not ascend")
    if np.isinf(rows).any():
        raise ValueError("a sample holds a value that is not finite")
    if not 0 <= sample.start <= _LAST:
        raise ValueError("a sample has a span that no calendar has")
    return sampled


def _check_paired(pairs: PairedSample) -> None:
    hashes, errors, codes = pairs.unpack()
    if not len(hashes) or len(errors) != len(hashes):
        raise ValueError(f"a paired sample has {len(hashes)} hashes and {len(errors)} errors")
    if (hashes[1:] < hashes[:-1]).any():
        raise ValueError("the hashes of a paired sample do not ascend")
    if not np.isfinite(errors).all():
        raise ValueError("a paired sample holds an error that is not finite")
    if len(codes) != (len(hashes) if pairs.segments else 0) or (codes >= len(pairs.segments)).any():
        raise ValueError("the segments of a paired sample do not fit its rows")
    if not 0 <= pairs.start <= _LAST:
        raise ValueError("a paired sample has a span that no calendar has")
