"""The detectors of a version: fed its errors in order, they find changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Detection, Detector, Finding
from monitor_stream.events.spec import ErrorScale, ModelSpec, Task
from monitor_stream.judge.detectors import Alarm, ErrorMonitor, LevelChart, Look, SpanRules
from monitor_stream.judge.error_findings import fall, of_span, rise
from monitor_stream.judge.errors_in_order import ErrorsInOrder
from monitor_stream.judge.estimates.contradiction import ContradictionWatch
from monitor_stream.judge.persist import Journal, key, pack, unpack

#: Detections kept for readers; all of them are counted.
MAX_DETECTIONS: Final = 100


class Watched(msgspec.Struct, frozen=True, array_like=True):
    """What makes the signal and its spans: where it changes, detectors and chart start anew."""

    task: Task
    scale: ErrorScale | None
    rules: SpanRules

    @classmethod
    def of(cls, spec: ModelSpec) -> Watched:
        """That of a model."""
        return cls(spec.task, spec.error_scale, SpanRules.of(spec))


class Detectors(NamedTuple):
    """All that follows the errors of a version."""

    watched: Watched
    monitor: ErrorMonitor
    chart: LevelChart

    @classmethod
    def new(cls, watched: Watched) -> Detectors:
        """Detectors that have seen nothing."""
        task, scale, rules = watched.task, watched.scale, watched.rules
        return cls(watched, ErrorMonitor.new(task, scale), LevelChart.new(task, scale, rules))


class MonitorState(msgspec.Struct, array_like=True):
    """A monitor and a chart, and what they were made for."""

    watched: Watched
    monitor: bytes
    chart: bytes


class DetectionsState(msgspec.Struct, array_like=True):
    """The newest detections, and how many there were by detector."""

    newest: list[Detection] = []
    counts: dict[Detector, int] = {}


class ErrorWatch:
    """Holds errors until their time has come, feeds the detectors, and keeps what they found. What was foretold of the errors is
    held against them at the same time.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self.errors = ErrorsInOrder(lambda at: key("held", model, version, at), journal)
        self.found = DetectionsState()
        self.contradiction = ContradictionWatch(model, version, journal)
        self._detectors: Detectors | None = None

    @property
    def seen(self) -> int:
        """How many errors the detectors have seen."""
        return 0 if self._detectors is None else self._detectors.monitor.seen

    def advance(self, clock: float, spec: ModelSpec) -> list[Finding]:
        """Let the errors below the clock go; what the detectors saw in them, and in the spans that are over."""
        pairs = self.errors.release(clock)
        pairs = pairs.at(np.isfinite(pairs.order) & np.isfinite(pairs.error))
        findings = self._detect(pairs.order, pairs.error, spec)
        return findings + self.contradiction.advance(pairs, self.errors.released, spec)

    def _detect(self, order: Floats, error: Floats, spec: ModelSpec) -> list[Finding]:
        if order.size:
            detectors = self._detectors_for(spec)
        elif self._detectors is not None:
            detectors = self._detectors
        else:
            return []
        findings: list[Finding] = []
        for part in list(detectors.chart.parts(order)):
            findings += self._looks(detectors.chart.feed(order[part], error[part]), spec)
            findings += self._alarms(detectors.monitor.feed(order[part], error[part]), detectors.chart, spec)
        closed = detectors.chart.close(self.errors.released)
        if order.size or closed:
            self._journal.put(key("monitor", *self._owner), self._pack_monitor)
        return findings + self._looks(closed, spec)

    def restore_monitor(self, data: bytes) -> None:
        """Take back the detectors."""
        state = unpack(MonitorState, data)
        self._detectors = Detectors(
            state.watched, ErrorMonitor.from_bytes(state.monitor), LevelChart.from_bytes(state.chart)
        )

    def restore_detections(self, data: bytes) -> None:
        """Take back what they found."""
        self.found = unpack(DetectionsState, data)

    def _detectors_for(self, spec: ModelSpec) -> Detectors:
        watched = Watched.of(spec)
        if self._detectors is None or self._detectors.watched != watched:
            self._detectors = Detectors.new(watched)
        return self._detectors

    def _alarms(self, alarms: Sequence[Alarm], chart: LevelChart, spec: ModelSpec) -> list[Finding]:
        """What ADWIN and Page-Hinkley saw, as far as the chart bears it out."""
        model, version = self._owner
        findings = []
        for alarm in alarms:
            verdict = chart.verdict(alarm)
            self._keep(
                Detection(
                    model=model,
                    version=version,
                    detector=alarm.detector,
                    direction=alarm.direction,
                    event_time=moment(alarm.order),
                    seen=alarm.seen,
                    before=alarm.before,
                    after=alarm.after,
                    confirmed=verdict.confirmed,
                )
            )
            if alarm.direction == "worse" and verdict.confirmed:
                findings.append(rise(alarm, verdict, spec))
            elif verdict.back:
                findings.append(fall(alarm, verdict))
        return findings

    def _looks(self, looks: Sequence[Look], spec: ModelSpec) -> list[Finding]:
        """What the chart says of spans that are over."""
        model, version = self._owner
        for look in looks:
            for detector, direction in look.began:
                self._keep(
                    Detection(
                        model=model,
                        version=version,
                        detector=detector,
                        direction=direction,
                        event_time=moment(look.end),
                        seen=look.seen,
                        before=look.expected,
                        after=look.value,
                        confirmed=True,
                    )
                )
        return [of_span(look, spec) for look in looks]

    def _keep(self, detection: Detection) -> None:
        counts = Counter(self.found.counts) + Counter([detection.detector])
        self.found = DetectionsState([*self.found.newest, detection][-MAX_DETECTIONS:], dict(counts))
        self._journal.put(key("detections", *self._owner), lambda: pack(self.found))

    def _pack_monitor(self) -> bytes:
        if self._detectors is None:
            raise AssertionError("detectors are packed after they were fed")
        watched, monitor, chart = self._detectors
        return pack(MonitorState(watched, monitor.to_bytes(), chart.to_bytes()))
