"""The detectors of one model version, from its scored errors to its alarms."""

from __future__ import annotations

from typing import Final, Self

import msgspec
import numpy as np
from river.__version__ import __version__ as river_version

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Detector
from monitor_stream.events.spec import ErrorScale, Task
from monitor_stream.judge.detectors.adwin import Adwin
from monitor_stream.judge.detectors.alarm import Alarm
from monitor_stream.judge.detectors.change import Change
from monitor_stream.judge.detectors.scale import Scale
from monitor_stream.judge.detectors.sealed import DetectorStateError, seal, unseal
from monitor_stream.judge.detectors.watch import Watch, WatchState

#: Errors that set the scale where no reference does.
CALIBRATION: Final = 500
#: A further alarm of one detector in one direction within so many errors is taken for the same change. Abrupt changes
#: of independent errors need it little (ADWIN 1.0 alarms a change, Page-Hinkley at most 1.1), slopes over thousands of
#: errors repeat after 1,000 and more: it is there for errors that hang together, as with the seasons.
REFRACTORY: Final = 1000

_WRITER: Final = f"river {river_version}"


class _State(msgspec.Struct, frozen=True, array_like=True):
    task: Task
    watched: int
    ignored: int
    reported: dict[str, int]
    held_order: bytes
    held_error: bytes
    watch: WatchState | None


_decode = msgspec.msgpack.Decoder(_State).decode


class ErrorMonitor:
    """ADWIN and Page-Hinkley on the errors of one model version; made by `new` or `from_bytes`.

    **Signal.** Errors are brought to [0, 1] by a `Scale`: that of the reference, else of the first 500 errors, which
    are held until then. Where more than half of the errors in one life (see `Watch`) lie above its unit, a further
    rise could not show: the next 500 errors set the scale anew, and both detectors start afresh. Errors that are not
    finite, or have no finite order, are ignored and counted.

    **Direction.** ADWIN sees a rise (worse) and a fall (better), Page-Hinkley only a rise.

    **One alarm for one change.** A detector starts afresh after each alarm; another alarm of it in the same direction
    within `REFRACTORY` errors of the last one reported is dropped.

    Alarms and state do not depend on how the errors were split into calls, to the bit.

    Examples
    --------
    >>> monitor = ErrorMonitor.new("binary", ErrorScale(0.0, 0.0))
    >>> for alarm in monitor.feed(np.arange(2000.0), np.repeat([0.0, 1.0], 1000)):
    ...     print(alarm.detector, alarm.direction, alarm.seen, alarm.before, alarm.after)
    page_hinkley worse 1007 0.0 1.0
    adwin worse 1024 0.0 1.0
    >>> ErrorMonitor.from_bytes(monitor.to_bytes()).seen
    2000
    """

    def __init__(self, task: Task, watch: Watch | None) -> None:
        self._task: Task = task
        self._watch = watch
        self._watched = 0
        self._ignored = 0
        self._reported: dict[str, int] = {}
        self._held_order: Floats = np.empty(0)
        self._held_error: Floats = np.empty(0)
        self._resumed = True

    @classmethod
    def new(cls, task: Task, scale: ErrorScale | None) -> Self:
        """A monitor that has seen nothing; `scale` is that of the error on the reference, where there is one."""
        return cls(task, Watch(Scale.of(task, scale)) if scale else None)

    @property
    def seen(self) -> int:
        """Finite errors fed so far."""
        return self._watched + len(self._held_error)

    @property
    def ignored(self) -> int:
        """Errors that were not finite."""
        return self._ignored

    @property
    def resumed(self) -> bool:
        """False where `from_bytes` had to start ADWIN afresh, because another version of river wrote its state."""
        return self._resumed

    def feed(self, order: Floats, error: Floats) -> list[Alarm]:
        """Take in errors (1-D, 0 or above; 0 or 1 for a classification) and their orders; return alarms, in order."""
        finite = np.isfinite(error) & np.isfinite(order)
        self._ignored += len(error) - int(np.count_nonzero(finite))
        order, error = order[finite], error[finite]
        alarms: list[Alarm] = []
        while len(error):
            if self._watch is None:
                room = CALIBRATION - len(self._held_error)
                alarms += self._calibrate(order[:room], error[:room])
            else:
                room = self._watch.room
                alarms += self._follow(self._watch, order[:room], error[:room])
            order, error = order[room:], error[room:]
        return alarms

    def _calibrate(self, order: Floats, error: Floats) -> list[Alarm]:
        """Hold errors back until they are enough to know their scale, then look at them."""
        order = np.concatenate((self._held_order, order))
        error = np.concatenate((self._held_error, error))
        if len(error) < CALIBRATION:
            self._held_order, self._held_error = order, error
            return []
        self._held_order = self._held_error = np.empty(0)
        self._watch = Watch(Scale.measured(self._task, error))
        return self._follow(self._watch, order, error)

    def _follow(self, watch: Watch, order: Floats, error: Floats) -> list[Alarm]:
        changes = watch.feed(error)
        alarms = [alarm for found in changes if (alarm := self._report(*found, order))]
        self._watched += len(error)
        if watch.room == 0 and not watch.renew():
            self._watch = None
        return alarms

    def _report(self, detector: Detector, change: Change, order: Floats) -> Alarm | None:
        seen, kind = self._watched + change.index + 1, f"{detector} {change.direction}"
        if kind in self._reported and seen - self._reported[kind] <= REFRACTORY:
            return None
        self._reported[kind] = seen
        return Alarm(
            detector,
            change.direction,
            float(order[change.index]),
            seen,
            change.before,
            change.after,
            change.count,
        )

    def to_bytes(self) -> bytes:
        """The whole state, about 2 kB (10 kB while the scale is being measured), with a checksum."""
        state = _State(
            self._task,
            self._watched,
            self._ignored,
            self._reported,
            self._held_order.astype("<f8").tobytes(),
            self._held_error.astype("<f8").tobytes(),
            self._watch.state() if self._watch else None,
        )
        return seal(_WRITER, msgspec.msgpack.encode(state))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The monitor whose `to_bytes` made `data`; it goes on to the bit.

        Where another version of river wrote it, ADWIN starts afresh (it forgets what it saw, and is as new), all else
        goes on, and `resumed` is False. Raises `DetectorStateError` where `data` is damaged or of another schema.
        """
        writer, body = unseal(data)
        try:
            state = _decode(body)
        except msgspec.DecodeError as error:
            raise DetectorStateError(f"detector state does not have its form: {error}") from error
        monitor = cls(state.task, None)
        if state.watch:
            monitor._resumed = writer == _WRITER
            adwin = Adwin.restore(state.watch.adwin) if monitor._resumed else Adwin()
            monitor._watch = Watch.restore(state.watch, adwin=adwin)
        monitor._watched = state.watched
        monitor._ignored = state.ignored
        monitor._reported = state.reported
        monitor._held_order = np.frombuffer(state.held_order, "<f8")
        monitor._held_error = np.frombuffer(state.held_error, "<f8")
        return monitor
