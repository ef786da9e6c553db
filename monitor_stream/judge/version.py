"""One version of a model: its windows, totals, errors and detections."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Ints
from monitor_stream.events.results import Detection, Rolling
from monitor_stream.events.spec import DAY, ErrorScale, ModelSpec, Specs, Task
from monitor_stream.events.tables import TableName
from monitor_stream.judge.detectors import Alarm, ErrorMonitor
from monitor_stream.judge.errors_in_order import ErrorsInOrder
from monitor_stream.judge.history import History
from monitor_stream.judge.persist import Journal, Kind, key, pack, unpack
from monitor_stream.judge.published import publish
from monitor_stream.judge.reading import VersionRows
from monitor_stream.judge.rolling import Span, essence, retention, roll
from monitor_stream.judge.specs_known import KnownSpecs
from monitor_stream.judge.sums import Rows, by_window, merged
from monitor_stream.judge.totals import Totals, TotalsState
from monitor_stream.judge.windows import OpenWindow, Windows

MAX_SHOWN: Final = 100
MAX_DAYS: Final = 400
MAX_DETECTIONS: Final = 100


class VersionState(msgspec.Struct, array_like=True):
    """What changes with almost every delta."""

    totals: TotalsState
    floor: float
    released: float
    pending: dict[int, int]
    newest_prediction: float | None
    newest_label: float | None
    digest: str


class MonitorState(msgspec.Struct, array_like=True):
    """A monitor, and the task and error scale it was made for."""

    task: Task
    scale: ErrorScale | None
    monitor: bytes


class Version:
    """See the module's docstring. `publish_window` is called with each revision of each window, as JSON."""

    def __init__(
        self, model: str, version: str, journal: Journal, publish_window: Callable[[bytes], None]
    ) -> None:
        self.model = model
        self.version = version
        self._journal = journal
        self._publish_window = publish_window
        self._specs = KnownSpecs(model, version, journal)
        self.totals = Totals(TotalsState())
        self.windows = Windows("window", model, version, journal)
        self.days = Windows("day", model, version, journal)
        self.shown = History("shown", model, version, MAX_SHOWN, journal)
        self.shown_days = History("shown_day", model, version, MAX_DAYS, journal)
        self.rolling: dict[Span, Rolling] = {}
        self._errors = ErrorsInOrder(self._chunk_key, journal)
        self._monitor: ErrorMonitor | None = None
        self._watched: tuple[Task, ErrorScale | None] | None = None
        self.detections: list[Detection] = []
        self._pending: dict[int, int] = {}
        self.newest_prediction: float | None = None
        self.newest_label: float | None = None
        self._revised_at = -math.inf

    # What comes in

    def take(self, source: int, rows: VersionRows, specs: Specs) -> None:
        """Add one delta's part."""
        part = rows.part
        self._specs.hear(rows, specs)
        seconds = float(self._specs.find(part.digest).window_seconds)
        for table, (windows, sums) in rows.tables.items():
            self._add(table, windows, sums, seconds, part.digest)
        if rows.errors is not None:
            self._errors.add(*rows.errors)
        for outcome, count in part.outcomes.items():
            self.totals.outcomes[outcome] = self.totals.outcomes.get(outcome, 0) + count
        self._pending[source] = part.pending
        self.newest_prediction = _newest(self.newest_prediction, part.newest_prediction)
        self.newest_label = _newest(self.newest_label, part.newest_label)
        self._journal.put(self._key("version"), self._pack)

    def _add(self, table: TableName, windows: Ints, rows: Rows, seconds: float, digest: str) -> None:
        late: list[int] = []
        for start, part in by_window(windows, rows):
            if not self.windows.add(table, start, seconds, part, digest):
                late.append(start)
                self.totals.late_rows += len(part.groups)
                self.totals.add(table, part.total(), self.spec)
        if late:
            kept = ~np.isin(windows, late)
            windows = windows[kept]
            rows = Rows([g for g, keep in zip(rows.groups, kept, strict=True) if keep], rows.sums[kept])
        for day, part in merged(windows, rows, DAY):
            if seconds <= DAY:
                self.days.add(table, day, DAY, part, digest)
            self.totals.add(table, part, self.spec)

    # Time

    def advance(self, watermark: float, clock: float, now: float | None) -> list[Detection]:
        """Close, settle and let errors go as far as time has come; what the detectors saw."""
        closed = self.windows.close(watermark)
        settled = self.windows.settle(clock - self._specs.horizon())
        for window in [*(window for window in closed if not window.settled), *settled]:
            self._publish(window, now)
        for window in settled:
            window.sums = essence(window.sums)
        if closed or settled:
            self._after_publishing()
        if settled and len(self._specs) > 1:
            self._specs.prune({window.reference for window in self.windows if not window.settled})
        self._advance_days(watermark, now)
        return self._watch(clock)

    def revise(self, now: float, interval: float) -> bool:
        """Publish closed windows that changed, each at most every `interval` seconds of processing time."""
        if now - self._revised_at < interval:
            return False
        due = self.windows.revise(now, interval)
        if not due:
            return False
        self._revised_at = now
        for window in due:
            self._publish(window, now)
        for day in self.days.revise(now, interval):
            self._show_day(day, now)
        self._after_publishing()
        return True

    def _publish(self, window: OpenWindow, now: float | None) -> None:
        """The next revision. A window without a prediction is none: only records that count nowhere fell into it."""
        if window.sums.total("traffic", 0):
            self._publish_window(self._show(window, self.shown))
        window.changed = False
        window.published_at = now

    def _show(self, window: OpenWindow, history: History) -> bytes:
        window.revision += 1
        built = publish(window, self._specs.find(window.reference), self.model, self.version)
        return history.show((window.start, window.seconds), built)

    def _after_publishing(self) -> None:
        self.rolling = roll(self.windows, self.spec)
        newest = max((w.end for w in self.windows if w.closed), default=math.inf)
        self.windows.forget(newest - retention(self.spec.window_seconds))

    def _advance_days(self, watermark: float, now: float | None) -> None:
        closed, settled = self.days.close(watermark), self.days.settle(self.windows.floor)
        for day in [*(day for day in closed if not day.settled), *settled]:
            self._show_day(day, now)
        if settled:
            self.days.forget(math.inf)

    def _show_day(self, day: OpenWindow, now: float | None) -> None:
        if day.sums.total("traffic", 0):
            self._show(day, self.shown_days)
        day.changed = False
        day.published_at = now

    # Detectors

    def _watch(self, clock: float) -> list[Detection]:
        released = self._errors.released
        order, error = self._errors.release(clock)
        if self._errors.released != released:
            self._journal.put(self._key("version"), self._pack)
        if not order.size:
            return []
        alarms = self._current_monitor().feed(order, error)
        self._journal.put(self._key("monitor"), self._pack_monitor)
        found = [self._detection(alarm) for alarm in alarms]
        if found:
            self.detections = [*self.detections, *found][-MAX_DETECTIONS:]
            self._journal.put(self._key("detections"), lambda: pack(self.detections))
        return found

    def _current_monitor(self) -> ErrorMonitor:
        """A change of task or error scale means another signal: the detectors start anew."""
        watched = (self.spec.task, self.spec.error_scale)
        if self._monitor is None or self._watched != watched:
            self._monitor, self._watched = ErrorMonitor.new(*watched), watched
        return self._monitor

    def _detection(self, alarm: Alarm) -> Detection:
        counts = self.totals.detections
        counts[alarm.detector] = counts.get(alarm.detector, 0) + 1
        return Detection(
            model=self.model,
            version=self.version,
            detector=alarm.detector,
            direction=alarm.direction,
            event_time=moment(alarm.order),
            seen=alarm.seen,
            before=alarm.before,
            after=alarm.after,
        )

    # What is known

    @property
    def spec(self) -> ModelSpec:
        """The spec in force."""
        return self._specs.current

    @property
    def digest(self) -> str:
        """Of the spec in force."""
        return self._specs.digest

    @property
    def pending(self) -> int:
        """Predictions that wait for a label, over all sources."""
        return sum(self._pending.values())

    @property
    def errors_seen(self) -> int:
        """How many errors the detectors have seen."""
        return 0 if self._monitor is None else self._monitor.seen

    # The store

    def restore(self, fields: Mapping[Kind, list[tuple[list[Any], bytes]]]) -> None:
        """Take back what the store held, by kind: the rest of the key, and the blob."""
        for (digest,), data in fields.get("spec", ()):
            self._specs.restore(digest, data)
        for _, data in fields.get("version", ()):
            self._restore_state(unpack(VersionState, data))
        for _, data in fields.get("monitor", ()):
            state = unpack(MonitorState, data)
            self._monitor, self._watched = ErrorMonitor.from_bytes(state.monitor), (state.task, state.scale)
        for _, data in fields.get("detections", ()):
            self.detections = unpack(list[Detection], data)
        self._errors.restore({at: data for (at,), data in fields.get("held", ())})
        for windows in (self.windows, self.days):
            for (start, seconds), data in fields.get(windows.kind, ()):
                windows.restore(start, seconds, data)
        for history in (self.shown, self.shown_days):
            for (start, seconds), data in fields.get(history.kind, ()):
                history.restore((start, seconds), data)
        self.rolling = roll(self.windows, self.spec)

    def _restore_state(self, state: VersionState) -> None:
        self.totals = Totals(state.totals)
        self.windows.floor = self.days.floor = state.floor
        self._errors.released = state.released
        self._pending = state.pending
        self.newest_prediction, self.newest_label = state.newest_prediction, state.newest_label
        self._specs.adopt(state.digest)

    def _pack(self) -> bytes:
        return pack(
            VersionState(
                self.totals.state(),
                self.windows.floor,
                self._errors.released,
                self._pending,
                self.newest_prediction,
                self.newest_label,
                self._specs.digest,
            )
        )

    def _pack_monitor(self) -> bytes:
        if self._monitor is None or self._watched is None:
            raise AssertionError("a monitor is packed after it was fed")
        return pack(MonitorState(*self._watched, self._monitor.to_bytes()))

    def _key(self, kind: Kind) -> str:
        return key(kind, self.model, self.version)

    def _chunk_key(self, at: int) -> str:
        return key("held", self.model, self.version, at)


def _newest(known: float | None, told: float | None) -> float | None:
    times = [time for time in (known, told) if time is not None]
    return max(times, default=None)
