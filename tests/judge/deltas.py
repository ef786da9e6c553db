"""Deltas as OBSERVE would send them, for tests of JUDGE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitor_stream.events.codec import encode_delta
from monitor_stream.events.delta import Delta, Outcome, Sample, Scored, Table, VersionDelta
from monitor_stream.events.fold import Batch, Limits, Seat
from monitor_stream.events.spec import ModelSpec, Specs, Task
from monitor_stream.events.tables import PERFORMANCE, TableName
from monitor_stream.judge import Judge

SEAT = Seat(partition=0, partitions=1, epoch=1)

#: A row: window start, group, sums.
Row = tuple[int, str, Sequence[float]]


def table(rows: Sequence[Row]) -> Table:
    windows = np.array([start for start, _, _ in rows], np.int64)
    return Table.pack(
        windows, [group for _, group, _ in rows], np.array([sums for _, _, sums in rows], np.float64)
    )


def performance(rows: Sequence[Row], task: Task) -> list[Row]:
    """Rows with the columns that a test does not speak of: 0."""
    width = len(PERFORMANCE[task])
    return [(start, group, [*sums, *[0.0] * (width - len(sums))]) for start, group, sums in rows]


def scored(errors: Sequence[tuple[float, float]]) -> Scored:
    return Scored.pack(np.array([order for order, _ in errors]), np.array([error for _, error in errors]))


def part(
    spec: ModelSpec,
    tables: Mapping[TableName, Sequence[Row]] | None = None,
    *,
    errors: Sequence[tuple[float, float]] = (),
    outcomes: Mapping[Outcome, int] | None = None,
    pending: int = 0,
    learned: ModelSpec | None = None,
    samples: Sequence[Sample] = (),
    newest_prediction: float | None = None,
) -> VersionDelta:
    return VersionDelta(
        digest=spec.digest,
        pending=pending,
        outcomes=dict(outcomes or {}),
        tables={
            name: table(performance(rows, spec.task) if name == "performance" else rows)
            for name, rows in (tables or {}).items()
            if rows
        },
        scored=scored(errors) if errors else None,
        spec=learned,
        samples=list(samples),
        newest_prediction=newest_prediction,
    )


class Source:
    """Numbers the deltas of one OBSERVE partition."""

    def __init__(self, source: int = 0, sources: int = 1, model: str = "m", epoch: int = 1) -> None:
        self.source, self.sources, self.model = source, sources, model
        self.epoch, self.last = epoch, (0, 0)

    def delta(
        self,
        versions: Mapping[str, VersionDelta] | None = None,
        watermark: float = 0.0,
        clock: float | None = None,
        outcomes: Mapping[Outcome, int] | None = None,
        *,
        idle: bool = False,
    ) -> bytes:
        here = (self.epoch, self.last[1] + 1)
        delta = Delta(
            model=self.model,
            source=self.source,
            sources=self.sources,
            epoch=here[0],
            number=here[1],
            previous=self.last,
            watermark=watermark,
            clock=watermark if clock is None else clock,
            idle=idle,
            outcomes=dict(outcomes or {}),
            versions=dict(versions or {}),
        )
        self.last = here
        return encode_delta(delta)


def batch(*values: bytes | None) -> Batch:
    """All there is of the topic."""
    return Batch(
        topic="deltas", offsets=range(len(values)), timestamps=[0.0] * len(values), values=values, ended=True
    )


def judge(*specs: ModelSpec, limits: Limits | None = None, state: Mapping[str, bytes] | None = None) -> Judge:
    return Judge.restore(state or {}, SEAT, Specs(specs), limits or Limits())
