"""Drift of a version: spans are judged when they close, and again when they settle."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.results import ColumnDrift, DriftSpan, Finding
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.drift.evaluate import Observed, evaluate, has_seasons, levels
from monitor_stream.judge.drift.findings import findings
from monitor_stream.judge.drift.season import hours
from monitor_stream.judge.history import DRIFT, History
from monitor_stream.judge.learning import Learning, lacks_reference
from monitor_stream.judge.persist import Journal, Kind, key, pack, unpack
from monitor_stream.judge.quality.frozen import frozen
from monitor_stream.judge.reading import VersionRows
from monitor_stream.judge.reference_rows import ReferenceRows
from monitor_stream.judge.reference_vectors import ReferenceVectors
from monitor_stream.judge.span_values import span_values
from monitor_stream.judge.spans import Run, Spans, counts
from monitor_stream.judge.specs_known import KnownSpecs
from monitor_stream.judge.sums import Rows, by_window
from monitor_stream.judge.why import Fact, Sampled
from monitor_stream.judge.why.rows import readable


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What was said of a run when it closed; its sampled rows are gone since."""

    revision: int
    multivariate: list[ColumnDrift]


class DriftState(msgspec.Struct, array_like=True):
    """`told` is by the start of runs that have not settled; `found_until` is where the last run with findings ended."""

    floor: float = -math.inf
    found_until: float = -math.inf
    told: dict[int, Told] = {}


class DriftWatch:
    """Holds spans until their time has come, judges them, and keeps what was said; `say` is told it, as JSON, and `say_spec`
    a spec with references that were learned.

    Incidents are told of a run once: of features and predictions when it closes, of labels when it settles. So they
    hear of each in the order of time, and never twice of the same values.
    """

    def __init__(
        self,
        model: str,
        version: str,
        journal: Journal,
        say: Callable[[bytes], None],
        say_spec: Callable[[ModelSpec], None],
    ) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._say = say
        self._state = DriftState()
        self._facts: list[Fact] = []
        self.spans = Spans(model, version, journal)
        self._learning = Learning(model, version, journal, say_spec)
        self._rows = ReferenceRows(model, version, journal)
        self._vectors = ReferenceVectors(model, version, journal)
        self.history = History("shown_drift", model, version, journal, DRIFT)

    def take(self, rows: VersionRows, spec: ModelSpec) -> None:
        """Add the histograms, the sums of values and the sampled rows of a delta, made under a spec."""
        digest, seconds = rows.part.digest, float(spec.drift.span_seconds)
        if "histograms" in rows.tables:
            for start, part in by_window(*rows.tables["histograms"]):
                self.spans.add(start, seconds, digest, part)
        if "traffic" in rows.tables and has_seasons(spec):
            for start, by_hour in _by_span(*rows.tables["traffic"], seconds):
                self.spans.add_hours(start, seconds, digest, by_hour)
        for start, table, part in span_values(rows.tables, spec):
            self.spans.add_values(start, seconds, digest, table, part)
        for start, sampled in rows.samples:
            self.spans.sample(start, seconds, digest, sampled)

    def facts(self) -> list[Fact]:
        """What was learned since the last call that may be why something happened: rows of the spans that were judged."""
        facts, self._facts = self._facts, []
        return facts

    def advance(self, watermark: float, floor: float, specs: KnownSpecs) -> list[Finding]:
        """Judge what closes and settles when time gets so far; what was found, or found no more."""
        if not self.spans.advance(watermark, floor):
            return []
        self._learning.advance(self.spans, specs)
        found: list[Finding] = []
        for run in list(self.spans.runs(partial(_enough, specs))):
            closes = run.end > self._state.found_until
            if closes or run.settled:
                found += self._judge(run, specs.known(run.digest), closes=closes)
        self.spans.forget(specs.current.drift.sliding_spans)
        self._state.floor = self.spans.floor
        self._journal.put(key("drift", *self._owner), lambda: pack(self._state))
        return found

    def _judge(self, run: Run, spec: ModelSpec | None, *, closes: bool) -> list[Finding]:
        told = self._state.told.pop(run.start, Told(0, []))
        found: list[Finding] = []
        if spec is not None:
            seen = self._observed(run, spec)
            span = self._evaluate(run, spec, told, seen)
            if closes and span.columns:
                span = msgspec.structs.replace(span, multivariate=self._together(run, seen, span, spec))
            told = Told(span.revision, span.multivariate)
            self._say(self.history.show((run.start, run.end - run.start), span))
            found = findings(span, closes=closes)
            if closes and span.columns:
                found += frozen(span, spec, seen.counts, seen.values, levels(spec, span).one)
            if closes and run.sampled is not None and (rows := readable(run.sampled, spec)):
                self._facts.append(Sampled(run.end, run.start, run.end, rows))
            self.spans.forget_sampled(run.spans)
        if closes:
            self._state.found_until = run.end
        if run.settled:
            self.spans.finish(run.spans)
        else:
            self._state.told[run.start] = told
        return found

    def _observed(self, run: Run, spec: ModelSpec) -> Observed:
        before = self.spans.before(run, spec.drift.sliding_spans)
        return Observed(counts(run.spans, run.digest), counts(before, run.digest), run.by_hour, run.values)

    def _together(self, run: Run, seen: Observed, span: DriftSpan, spec: ModelSpec) -> list[ColumnDrift]:
        """What is judged of rows as a whole, and of vectors."""
        sampled = run.sampled
        rows = [] if sampled is None else self._rows.judge(span, sampled, spec)
        return [*rows, *self._vectors.judge(span, seen.values, spec)]

    def _evaluate(self, run: Run, spec: ModelSpec, told: Told, seen: Observed) -> DriftSpan:
        span = DriftSpan(
            model=self._owner[0],
            version=self._owner[1],
            start=moment(run.start),
            end=moment(run.end),
            revision=told.revision + 1,
            settled=run.settled,
            n=run.n,
            reference=run.digest,
            multivariate=told.multivariate,
        )
        if run.n < spec.min_samples:
            return msgspec.structs.replace(span, not_computable=_too_few(run, spec))
        return evaluate(span, spec, seen)

    @property
    def digests(self) -> set[str]:
        """The specs that spans are still to be judged under."""
        return {digest for span in self.spans for digest in (*span.counts, *span.sampled)}

    def restore(self, fields: Mapping[Kind, list[tuple[list[Any], bytes]]]) -> None:
        """Take back what the store held, by kind: the rest of the key, and the blob."""
        for _, data in fields.get("drift", ()):
            self._state = unpack(DriftState, data)
            self.spans.floor = self._state.floor
        for _, data in fields.get("rows", ()):
            self._rows.restore(data)
        for _, data in fields.get("vectors", ()):
            self._vectors.restore(data)
        for _, data in fields.get("learned", ()):
            self._learning.restore(data)
        for (start, seconds), data in fields.get("span", ()):
            self.spans.restore(start, seconds, data)
        for (start, seconds), data in fields.get("sampled", ()):
            self.spans.restore_sampled(start, seconds, data)
        for (start, seconds), data in fields.get(self.history.kind, ()):
            self.history.restore((start, seconds), data)


def _by_span(windows: Ints, rows: Rows, seconds: float) -> Iterator[tuple[int, Floats]]:
    """All predictions by hour of the week, of the windows of each span."""
    whole = np.array([not group for group in rows.groups], bool)
    starts, predictions = windows[whole].astype(np.float64), rows.sums[whole, 0]
    spans = (starts // seconds * seconds).astype(np.int64)
    for span in np.unique(spans).tolist():
        yield span, hours(starts[spans == span], predictions[spans == span])


def _enough(specs: KnownSpecs, digest: str) -> int | None:
    """From how many predictions on spans are judged; never, where there is no reference to judge them by."""
    return None if lacks_reference(specs.known(digest)) else specs.find(digest).min_samples


def _too_few(run: Run, spec: ModelSpec) -> str:
    spans = f"{len(run.spans)} spans in a row" if len(run.spans) > 1 else "the span"
    return f"{run.n:,} values in {spans} before the spec changed or they grew too many; {spec.min_samples:,} are needed"
