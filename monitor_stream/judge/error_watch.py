"""The detectors of a version: fed its errors in order, they find changes."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Detection, Detector, Finding, Severity
from monitor_stream.events.spec import ErrorScale, ModelSpec, Task
from monitor_stream.judge.detectors import Alarm, ErrorMonitor
from monitor_stream.judge.errors_in_order import ErrorsInOrder
from monitor_stream.judge.performance import error_limit
from monitor_stream.judge.persist import Journal, key, pack, unpack

#: Detections kept for readers; all of them are counted.
MAX_DETECTIONS: Final = 100


class MonitorState(msgspec.Struct, array_like=True):
    """A monitor, and the task and error scale it was made for."""

    task: Task
    scale: ErrorScale | None
    monitor: bytes


class DetectionsState(msgspec.Struct, array_like=True):
    """The newest detections, and how many there were by detector."""

    newest: list[Detection] = []
    counts: dict[Detector, int] = {}


class ErrorWatch:
    """Holds errors until their time has come, feeds the detectors, and keeps what they found."""

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self.errors = ErrorsInOrder(lambda at: key("held", model, version, at), journal)
        self.found = DetectionsState()
        self._monitor: ErrorMonitor | None = None
        self._watched: tuple[Task, ErrorScale | None] | None = None

    @property
    def seen(self) -> int:
        """How many errors the detectors have seen."""
        return 0 if self._monitor is None else self._monitor.seen

    def advance(self, clock: float, spec: ModelSpec) -> list[Finding]:
        """Let the errors below the clock go; what the changes that the detectors saw in them tell the incidents."""
        order, error = self.errors.release(clock)
        if not order.size:
            return []
        alarms = self._monitor_for(spec).feed(order, error)
        self._journal.put(key("monitor", *self._owner), self._pack_monitor)
        detections = [self._detection(alarm) for alarm in alarms]
        if detections:
            counts = Counter(self.found.counts) + Counter(detection.detector for detection in detections)
            self.found = DetectionsState([*self.found.newest, *detections][-MAX_DETECTIONS:], dict(counts))
            self._journal.put(key("detections", *self._owner), lambda: pack(self.found))
        return [finding(detection, spec) for detection in detections]

    def restore_monitor(self, data: bytes) -> None:
        """Take back the detectors."""
        state = unpack(MonitorState, data)
        self._monitor, self._watched = ErrorMonitor.from_bytes(state.monitor), (state.task, state.scale)

    def restore_detections(self, data: bytes) -> None:
        """Take back what they found."""
        self.found = unpack(DetectionsState, data)

    def _monitor_for(self, spec: ModelSpec) -> ErrorMonitor:
        """A change of task or error scale means another signal: the detectors start anew."""
        watched = (spec.task, spec.error_scale)
        if self._monitor is None or self._watched != watched:
            self._monitor, self._watched = ErrorMonitor.new(*watched), watched
        return self._monitor

    def _detection(self, alarm: Alarm) -> Detection:
        model, version = self._owner
        return Detection(
            model=model,
            version=version,
            detector=alarm.detector,
            direction=alarm.direction,
            event_time=moment(alarm.order),
            seen=alarm.seen,
            before=alarm.before,
            after=alarm.after,
        )

    def _pack_monitor(self) -> bytes:
        if self._monitor is None or self._watched is None:
            raise AssertionError("a monitor is packed after it was fed")
        return pack(MonitorState(*self._watched, self._monitor.to_bytes()))


def finding(detection: Detection, spec: ModelSpec) -> Finding:
    """A change of the error level as incidents see it: it fires where it is for the worse."""
    limit = error_limit(spec)
    return Finding(
        signal="error",
        check=detection.detector,
        firing=detection.direction == "worse",
        severity=_severity(detection, spec.min_samples, limit),
        direction=detection.direction,
        start=detection.event_time,
        end=detection.event_time,
        n=detection.seen,
        value=detection.after,
        expected=detection.before,
        threshold=limit,
    )


def _severity(detection: Detection, enough: int, limit: float | None) -> Severity:
    """Critical is what many errors show to lie outside the baseline's band; where none is known nothing does."""
    proven = detection.seen >= enough and limit is not None and detection.after > limit
    return "critical" if proven else "warning"
