"""One version of a model: its windows, days, totals, and the detectors on its errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from monitor_stream.events.codec import encode_json
from monitor_stream.events.delta import Ints
from monitor_stream.events.fold import Message
from monitor_stream.events.results import AttributionDrift, Finding, Rolling, Window
from monitor_stream.events.spec import DAY, ModelSpec, Specs
from monitor_stream.events.tables import TableName
from monitor_stream.judge.attribution_drift import Attributions
from monitor_stream.judge.components import without_components
from monitor_stream.judge.drift_watch import DriftWatch
from monitor_stream.judge.error_watch import ErrorWatch
from monitor_stream.judge.estimates.estimated_errors import EstimatedErrors
from monitor_stream.judge.for_whom import ForWhom
from monitor_stream.judge.history import DAYS, WINDOWS, History
from monitor_stream.judge.outliers import KeptExamples, OutlierShare
from monitor_stream.judge.persist import Journal, Kind, key, pack, unpack
from monitor_stream.judge.published import publish
from monitor_stream.judge.quality import Quality, Volume
from monitor_stream.judge.reading import VersionRows
from monitor_stream.judge.rolling import Span, essence, retention, roll
from monitor_stream.judge.segment_errors import SegmentErrors
from monitor_stream.judge.series import Series
from monitor_stream.judge.service import Service
from monitor_stream.judge.specs_known import KnownSpecs
from monitor_stream.judge.sums import Rows, by_window, chosen, merged
from monitor_stream.judge.totals import Totals, TotalsState
from monitor_stream.judge.why import Changed, Fact
from monitor_stream.judge.why.beginnings import Beginnings
from monitor_stream.judge.why.carriers import carriers
from monitor_stream.judge.why.jumps import Jumps
from monitor_stream.judge.windows import OpenWindow, Windows


class VersionState(msgspec.Struct, array_like=True):
    """What changes with almost every delta."""

    totals: TotalsState
    floor: float
    released: float
    pending: dict[int, int]
    newest_prediction: float | None
    newest_label: float | None
    digest: str


class Version:
    """See the module's docstring. `say` is told each revision of each window and drift span, and a spec with references
    that were learned.

    Days are windows like the others, made of the same rows; they are shown, and not published.
    """

    def __init__(
        self,
        model: str,
        version: str,
        journal: Journal,
        say: Callable[[Message], None],
    ) -> None:
        self.model = model
        self.version = version
        self._journal = journal
        self._specs = KnownSpecs(model, version, journal)
        self.totals = Totals(TotalsState())
        self.windows = Series(
            Windows("window", model, version, journal),
            History("shown", model, version, journal, WINDOWS),
            self._build,
            lambda window: say(Message("windows", model.encode(), window)),
        )
        self.days = Series(
            Windows("day", model, version, journal),
            History("shown_day", model, version, journal, DAYS),
            self._build,
            lambda _: None,
        )
        self.rolling: dict[Span, Rolling] = {}
        self.watch = ErrorWatch(model, version, journal)
        self._quality = Quality(model, version, journal)
        self._volume = Volume(model, version, journal)
        self._service = Service(model, version, journal)
        self._attributions = Attributions(model, version, journal)
        self._outliers = OutlierShare(model, version, journal)
        self.examples = KeptExamples(model, version, journal)
        self._beginnings = Beginnings(model, version, journal)
        self._jumps = Jumps(model, version, journal)
        self._facts: list[Fact] = []
        self._segments = SegmentErrors(model, version, journal)
        self.for_whom = ForWhom(model, version, journal)
        self._estimates = EstimatedErrors(model, version, journal)
        self.drift = DriftWatch(
            model,
            version,
            journal,
            lambda span: say(Message("drift", model.encode(), span)),
            lambda spec: say(Message("models", spec.key.encode(), encode_json(spec))),
        )
        self._pending: dict[int, int] = {}
        self.newest_prediction: float | None = None
        self.newest_label: float | None = None
        self._revised_at = -math.inf

    @property
    def spec(self) -> ModelSpec:
        """The spec in force."""
        return self._specs.current

    @property
    def digest(self) -> str:
        """Of the spec in force."""
        return self._specs.digest

    def spec_of(self, digest: str) -> ModelSpec:
        """The spec that some rows were made with; the one in force where it is not known."""
        return self._specs.find(digest)

    @property
    def pending(self) -> int:
        """Predictions that wait for a label, over all sources."""
        return sum(self._pending.values())

    # What comes in

    def take(self, source: int, rows: VersionRows, specs: Specs) -> None:
        """Add one delta's part."""
        part = rows.part
        self._specs.hear(rows, specs)
        spec = self._specs.find(part.digest)
        for table, (windows, sums) in rows.tables.items():
            if table != "histograms":
                self._add(table, windows, sums, spec, part.digest)
        self.drift.take(rows, spec)
        self.examples.take(part.examples, self.spec)
        if rows.errors is not None:
            self.watch.errors.add(*rows.errors)
        for outcome, count in part.outcomes.items():
            self.totals.outcomes[outcome] = self.totals.outcomes.get(outcome, 0) + count
        self._pending[source] = part.pending
        self.newest_prediction = _newest(self.newest_prediction, part.newest_prediction)
        self.newest_label = _newest(self.newest_label, part.newest_label)
        self._touch()

    def _add(self, table: TableName, windows: Ints, rows: Rows, spec: ModelSpec, digest: str) -> None:
        seconds, late = float(spec.window_seconds), list[int]()
        if table == "features":
            windows, rows = without_components(windows, rows, spec)
        for start, part in by_window(windows, rows):
            if not self.windows.windows.add(table, start, seconds, part, digest):
                late.append(start)
                self.totals.late_rows += len(part.groups)
                self.totals.add(table, part.total(), self.spec)
        if late:
            windows, rows = chosen(windows, rows, ~np.isin(windows, late))
        for day, part in merged(windows, rows, DAY):
            if seconds <= DAY:
                self.days.windows.add(table, day, DAY, part, digest)
            self.totals.add(table, part, self.spec)

    # Time

    def advance(self, watermark: float, clock: float, now: float | None) -> list[Finding]:
        """Close, settle and let errors go as far as time has come; what was found, or found no more."""
        # What labels say of the estimates stands in the windows that are published next.
        released = self.watch.errors.released
        findings = self.watch.advance(clock, self.spec)
        if self.watch.errors.released != released:
            self._touch()
        closed, settled = self.windows.advance(watermark, clock - self._specs.horizon(), now)
        self._estimates.take(closed, self._specs.find)
        findings += self._estimates.judge(clock, self._specs.find, self.watch.contradiction.at)
        findings += self._quality.take(closed, self._specs.find)
        findings += self._volume.take(closed, watermark)
        findings += self._service.take(closed, self._specs.find)
        findings += self._outliers.take(closed, self._specs.find)
        self._facts += self._beginnings.take(closed, self._specs.find)
        self._facts += self._jumps.take(closed)
        for window in settled:
            window.sums = essence(window.sums)
        if closed or settled:
            self._merge()
        if settled and len(self._specs) > 1:
            used = {window.reference for window in self.windows.windows if not window.settled}
            self._specs.prune(used | self.drift.digests | self._estimates.digests)
        closed_days, settled_days = self.days.advance(watermark, self.windows.windows.floor, now)
        findings += self._attributions.take(closed_days, self.spec)
        if settled_days:
            findings += self._segments.take(settled_days, self.spec)
            self._facts += carriers(settled_days, self.spec)
            findings += self.for_whom.take(settled_days, self.spec)
            self.days.windows.forget(math.inf)
        return findings + self.drift.advance(watermark, self.windows.windows.floor, self._specs)

    def facts(self) -> list[Fact]:
        """What happened since the last call that may be why something is wrong."""
        facts = [*self._facts, *self.drift.facts(), *self._attributions.facts()]
        self._facts = []
        return facts

    @property
    def attribution(self) -> AttributionDrift | None:
        """What the version leaned on lately."""
        return self._attributions.newest

    @property
    def first_predictions(self) -> Changed | None:
        """When they came."""
        return self._beginnings.first

    def revise(self, now: float, interval: float) -> bool:
        """Publish closed windows that changed, each at most every `interval` seconds of processing time."""
        if now - self._revised_at < interval or not self.windows.revise(now, interval):
            return False
        self._revised_at = now
        self.days.revise(now, interval)
        self._merge()
        return True

    def _build(self, window: OpenWindow) -> Window:
        contradicted = self.watch.contradiction.at(window.end)
        spec = self._specs.find(window.reference)
        return publish(window, spec, self.model, self.version, contradicted=contradicted)

    def _merge(self) -> None:
        windows = self.windows.windows
        self.rolling = roll(windows, self.spec, self.watch.contradiction.at)
        newest = max((window.end for window in windows if window.closed), default=math.inf)
        windows.forget(newest - retention(self.spec.window_seconds))

    # The store

    def restore(self, fields: Mapping[Kind, list[tuple[list[Any], bytes]]]) -> None:
        """Take back what the store held, by kind: the rest of the key, and the blob."""
        for (digest,), data in fields.get("spec", ()):
            self._specs.restore(digest, data)
        for _, data in fields.get("version", ()):
            self._restore_state(unpack(VersionState, data))
        for _, data in fields.get("monitor", ()):
            self.watch.restore_monitor(data)
        for _, data in fields.get("detections", ()):
            self.watch.restore_detections(data)
        for _, data in fields.get("contradiction", ()):
            self.watch.contradiction.restore(data)
        for _, data in fields.get("estimates", ()):
            self._estimates.restore(data)
        for _, data in fields.get("quality", ()):
            self._quality.restore(data)
        for _, data in fields.get("volume", ()):
            self._volume.restore(data)
        for _, data in fields.get("service", ()):
            self._service.restore(data)
        for _, data in fields.get("attribution", ()):
            self._attributions.restore(data)
        for _, data in fields.get("outliers", ()):
            self._outliers.restore(data)
        for _, data in fields.get("examples", ()):
            self.examples.restore(data)
        for _, data in fields.get("beginnings", ()):
            self._beginnings.restore(data)
        for _, data in fields.get("jumps", ()):
            self._jumps.restore(data)
        for (start,), data in fields.get("settled", ()):
            self.for_whom.restore_day(start, data)
        for _, data in fields.get("for_whom", ()):
            self.for_whom.restore(data)
        for (group,), data in fields.get("segment", ()):
            self._segments.restore(group, data)
        self.watch.errors.restore({at: data for (at,), data in fields.get("held", ())})
        self.drift.restore(fields)
        for series in (self.windows, self.days):
            for (start, seconds), data in fields.get(series.windows.kind, ()):
                series.windows.restore(start, seconds, data)
            for (start, seconds), data in fields.get(series.history.kind, ()):
                series.history.restore((start, seconds), data)
        self.rolling = roll(self.windows.windows, self.spec, self.watch.contradiction.at)

    def _restore_state(self, state: VersionState) -> None:
        self.totals = Totals(state.totals)
        self.windows.windows.floor = self.days.windows.floor = state.floor
        self.watch.errors.released = state.released
        self._pending = state.pending
        self.newest_prediction, self.newest_label = state.newest_prediction, state.newest_label
        self._specs.adopt(state.digest)

    def _pack(self) -> bytes:
        return pack(
            VersionState(
                self.totals.state(),
                self.windows.windows.floor,
                self.watch.errors.released,
                self._pending,
                self.newest_prediction,
                self.newest_label,
                self._specs.digest,
            )
        )

    def _touch(self) -> None:
        self._journal.put(key("version", self.model, self.version), self._pack)


def _newest(known: float | None, told: float | None) -> float | None:
    times = [time for time in (known, told) if time is not None]
    return max(times, default=None)
