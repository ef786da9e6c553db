"""Drift spans of one version: histograms and sampled rows come, spans close and settle, and are judged in runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Sample
from monitor_stream.events.tables import HISTOGRAM_BINS, TARGET, TableName
from monitor_stream.judge.drift.season import HOURS
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.sampled import SampledRows
from monitor_stream.judge.sums import Block, PackedBlock, Rows, Sums

#: Unsettled spans of one version; beyond it the oldest settle before their time.
MAX_SPANS: Final = 1000
#: A run that does not hold enough values is given up when it is so many spans long.
MAX_RUN: Final = 30

SpanKind = Literal["span", "sampled"]


class SpanState(msgspec.Struct, frozen=True, array_like=True):
    """A span as bytes, but for its sampled rows; all by the digest of the spec it was made with."""

    closed: bool
    settled: bool
    judged: bool
    counts: dict[str, PackedBlock]
    rows: dict[str, int]
    by_hour: dict[str, list[float]]
    values: dict[str, dict[TableName, PackedBlock]] = {}


class OpenSpan:
    """A span of event time that rows may still come for, or that others are still judged by.

    `judged` says that it was judged for the last time. `rows` is how many rows were sampled: they are dropped when they
    were looked at, and it stays. `by_hour` is how many predictions fell into each hour of the week, where somebody asks.
    `values` has sums of its windows: see `span_values`.
    """

    __slots__ = (
        "by_hour",
        "closed",
        "counts",
        "judged",
        "rows",
        "sampled",
        "seconds",
        "settled",
        "start",
        "values",
    )

    def __init__(self, start: int, seconds: float) -> None:
        self.start = start
        self.seconds = seconds
        self.counts: dict[str, Block] = {}
        self.sampled: dict[str, SampledRows] = {}
        self.rows: dict[str, int] = {}
        self.by_hour: dict[str, list[float]] = {}
        self.values: dict[str, Sums] = {}
        self.closed = False
        self.settled = False
        self.judged = False

    @property
    def end(self) -> float:
        """Where it ends, Unix seconds, itself outside."""
        return self.start + self.seconds

    @property
    def digest(self) -> str:
        """The spec that most of its predictions were read under.

        A new spec is taken up within a span. Either part is a morning or an evening, where the reference is made of
        whole days; so the larger one stands for the span, and the other is not judged. Where a part has nothing but
        sampled rows, since its spec had no reference, nobody knows how large it is: it stands for the span.
        """
        return max(
            self.counts.keys() | self.rows.keys() | self.by_hour.keys() | self.values.keys(),
            key=lambda digest: (digest in self.rows.keys() - self.counts.keys(), self.size(digest), digest),
        )

    def size(self, digest: str) -> int:
        """How many predictions were read under a spec, by the column that most values came for; labels do not count."""
        block = self.counts.get(digest)
        counted = [int(row.sum()) for column, row in block if column != TARGET] if block else []
        return max([*counted, self.rows.get(digest, 0)])

    def pack(self) -> bytes:
        """For the store."""
        counts = {digest: block.pack() for digest, block in self.counts.items()}
        values = {digest: sums.pack() for digest, sums in self.values.items()}
        return pack(
            SpanState(self.closed, self.settled, self.judged, counts, self.rows, self.by_hour, values)
        )

    def pack_sampled(self) -> bytes:
        """The sampled rows, for the store."""
        return pack({digest: sampled.packed(self.start) for digest, sampled in self.sampled.items()})


class Run(NamedTuple):
    """Spans that are judged as one; where they hold too little after all, they are given up as one."""

    spans: Sequence[OpenSpan]
    digest: str
    n: int

    @property
    def start(self) -> int:
        """Where the first one begins."""
        return self.spans[0].start

    @property
    def end(self) -> float:
        """Where the last one ends."""
        return self.spans[-1].end

    @property
    def settled(self) -> bool:
        """Whether no row can come any more."""
        return all(span.settled for span in self.spans)

    @property
    def by_hour(self) -> Floats:
        """Predictions by hour of the week, where they are known: shape ``(168,)``."""
        total: Floats = np.zeros(HOURS)
        for span in self.spans:
            total = total + np.array(span.by_hour.get(self.digest, 0.0))
        return total

    @property
    def values(self) -> Sums:
        """What its windows told of its values: see `span_values`."""
        total = Sums()
        for span in self.spans:
            for table, block in span.values.get(self.digest, Sums()).tables.items():
                total.add(table, Rows(list(block.groups), block.rows))
        return total

    @property
    def sampled(self) -> SampledRows | None:
        """A uniform sample of the whole run."""
        rows = [span.sampled[self.digest] for span in self.spans if self.digest in span.sampled]
        return reduce(SampledRows.merge, rows) if rows else None


class Spans:
    """The spans of a version, by start and length (a new spec may change the length).

    They close when the watermark passes their end, and settle when the floor does, as windows do. Sampled rows are
    taken in until a span closes: they have no labels to wait for.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._spans: dict[tuple[int, float], OpenSpan] = {}
        self._next_close = math.inf
        self._next_settle = math.inf
        self.floor = -math.inf

    def restore(self, start: int, seconds: float, data: bytes) -> None:
        """Take back what the store held of a span."""
        state = unpack(SpanState, data)
        span = self._spans.setdefault((start, seconds), OpenSpan(start, seconds))
        span.closed, span.settled, span.judged = state.closed, state.settled, state.judged
        span.counts = {digest: Block.unpack(block) for digest, block in state.counts.items()}
        span.rows, span.by_hour = state.rows, state.by_hour
        span.values = {digest: Sums.unpack(sums) for digest, sums in state.values.items()}
        self._expect()

    def restore_sampled(self, start: int, seconds: float, data: bytes) -> None:
        """Take back what the store held of a span's sampled rows."""
        span = self._spans.setdefault((start, seconds), OpenSpan(start, seconds))
        span.sampled = {
            digest: SampledRows.of(sample) for digest, sample in unpack(dict[str, Sample], data).items()
        }

    def __iter__(self) -> Iterator[OpenSpan]:
        """The earliest first."""
        return iter([self._spans[at] for at in sorted(self._spans)])

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, start: int, seconds: float, digest: str, rows: Rows) -> None:
        """Add histograms; those of a span that has settled come too late."""
        span = self._span(start, seconds)
        if span is None or span.settled:
            return
        block = span.counts.get(digest)
        if block is None:
            block = span.counts[digest] = Block(HISTOGRAM_BINS)
        block.add(rows.groups, rows.sums)
        self._touch(span)

    def add_hours(self, start: int, seconds: float, digest: str, by_hour: Floats) -> None:
        """Add predictions by hour of the week, shape ``(168,)``; those of a span that has settled come too late."""
        span = self._span(start, seconds)
        if span is None or span.settled:
            return
        span.by_hour[digest] = (np.array(span.by_hour.get(digest, 0.0)) + by_hour).tolist()
        self._touch(span)

    def add_values(self, start: int, seconds: float, digest: str, table: TableName, rows: Rows) -> None:
        """Add rows of its windows: see `span_values`; those of a span that has settled come too late."""
        span = self._span(start, seconds)
        if span is None or span.settled:
            return
        span.values.setdefault(digest, Sums()).add(table, rows)
        self._touch(span)

    def sample(self, start: int, seconds: float, digest: str, sampled: SampledRows) -> None:
        """Add sampled rows; those of a span that has closed come too late."""
        span = self._span(start, seconds)
        if span is None or span.closed:
            return
        merged = span.sampled[digest] = span.sampled.get(digest, sampled).merge(sampled)
        if span.rows.get(digest) != len(merged.hashes):
            span.rows[digest] = len(merged.hashes)
            self._touch(span)
        self._journal.put(self._field("sampled", span), span.pack_sampled)

    def advance(self, watermark: float, floor: float) -> bool:
        """Close and settle what time has passed; whether there was any."""
        self.floor = max(self.floor, floor, self._crowded())
        if watermark < self._next_close and self.floor < self._next_settle:
            return False
        for span in self._spans.values():
            closed = span.closed or span.end <= max(watermark, self.floor)
            settled = span.settled or span.end <= self.floor
            if (closed, settled) != (span.closed, span.settled):
                span.closed, span.settled = closed, settled
                self._touch(span)
        self._expect()
        return True

    @property
    def waiting(self) -> list[OpenSpan]:
        """The closed spans that were not judged for the last time, the earliest first."""
        return [span for span in self if span.closed and not span.judged]

    def runs(self, enough: Callable[[str], int | None]) -> Iterator[Run]:
        """The `waiting` spans in the shortest runs that hold as many predictions as are enough under their spec.

        A run is given up where it grew too long, and where the spec changed. Spans of a spec for which nothing is
        enough are in none.
        """
        run: Run | None = None
        for span in self.waiting:
            least = enough(span.digest)
            if least is None:
                continue
            if run is not None and not _belongs(span, run):
                yield run
                run = None
            run = _longer(run, span)
            if run.n >= least or run.end - run.start >= MAX_RUN * span.seconds:
                yield run
                run = None

    def before(self, run: Run, spans: int) -> list[OpenSpan]:
        """The spans of the same spec among so many before a run."""
        seconds = run.spans[0].seconds
        first = run.start - spans * seconds
        return [
            span
            for span in self
            if first <= span.start < run.start and span.seconds == seconds and run.digest in span.counts
        ]

    def finish(self, spans: Iterable[OpenSpan]) -> None:
        """Spans were judged for the last time."""
        for span in spans:
            span.judged = True
            self._touch(span)

    def forget_sampled(self, spans: Iterable[OpenSpan]) -> None:
        """Drop rows that were looked at."""
        for span in spans:
            span.sampled = {}
            self._journal.delete(self._field("sampled", span))

    def forget(self, kept: int) -> None:
        """Drop the spans that were judged for the last time, but for so many before the others."""
        open_from = min((s.start for s in self._spans.values() if not s.judged), default=math.inf)
        open_from = min(open_from, max((s.end for s in self._spans.values()), default=math.inf))
        for at, span in list(self._spans.items()):
            if span.judged and span.start < open_from - kept * span.seconds:
                del self._spans[at]
                self.forget_sampled([span])
                self._journal.delete(self._field("span", span))

    def _span(self, start: int, seconds: float) -> OpenSpan | None:
        span = self._spans.get((start, seconds))
        if span is None and start + seconds > self.floor:
            span = self._spans[start, seconds] = OpenSpan(start, seconds)
            self._next_close = min(self._next_close, span.end)
            self._next_settle = min(self._next_settle, span.end)
            self._touch(span)
        return span

    def _touch(self, span: OpenSpan) -> None:
        self._journal.put(self._field("span", span), span.pack)

    def _expect(self) -> None:
        spans = self._spans.values()
        self._next_close = min((span.end for span in spans if not span.closed), default=math.inf)
        self._next_settle = min((span.end for span in spans if not span.settled), default=math.inf)

    def _crowded(self) -> float:
        """The floor that leaves at most `MAX_SPANS`."""
        if len(self._spans) <= MAX_SPANS:
            return -math.inf
        ends = sorted(span.end for span in self._spans.values() if not span.settled)
        return ends[-MAX_SPANS - 1] if len(ends) > MAX_SPANS else -math.inf

    def _field(self, kind: SpanKind, span: OpenSpan) -> str:
        return key(kind, *self._owner, span.start, span.seconds)


def counts(spans: Iterable[OpenSpan], digest: str) -> dict[str, Floats]:
    """The histograms of spans under one spec, added, by column."""
    total: dict[str, Floats] = {}
    for span in spans:
        block = span.counts.get(digest)
        for column, row in block or ():
            total[column] = total[column] + row if column in total else np.array(row)
    return total


def _belongs(span: OpenSpan, run: Run) -> bool:
    return span.digest == run.digest and span.end - run.start <= MAX_RUN * span.seconds


def _longer(run: Run | None, span: OpenSpan) -> Run:
    digest = span.digest
    n = span.size(digest)
    return Run([span], digest, n) if run is None else Run([*run.spans, span], digest, run.n + n)
