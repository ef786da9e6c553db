"""ADWIN: a change of the mean, up or down, anywhere in all that was seen since the last one."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import msgspec
from river._river_rust.drift import AdaptiveWindowing

from monitor_stream.events.delta import Floats
from monitor_stream.judge.detectors.change import Change
from monitor_stream.judge.detectors.levels import Levels, LevelsState
from monitor_stream.judge.detectors.sealed import DetectorStateError

_DELTA, _CLOCK, _MAX_BUCKETS, _MIN_WINDOW, _GRACE = 0.002, 32, 5, 5, 10  # as river's `drift.ADWIN`


class AdwinState(msgspec.Struct, frozen=True, array_like=True):
    """An `Adwin` as bytes: river's own state, and the levels beside it."""

    window: bytes
    levels: LevelsState


class Adwin:
    """River's ADWIN, with its defaults and alarm by alarm the same, fed by arrays.

    After an alarm it starts afresh, so its window is always all it has seen since. River's own mean right after an
    alarm is of what ADWIN kept, which is mostly old values: it drops the oldest until no cut is significant. It gives
    the direction; `before` and `after` come from `Levels`, and mean something for values in [0, 1] only.

    Examples
    --------
    >>> import numpy as np
    >>> list(Adwin().feed(np.repeat([0.0, 1.0], 1000)))
    [Change(index=1023, direction='worse', before=0.0, after=1.0, count=24)]

    References
    ----------
    Bifet and Gavaldà (2007), Learning from time-changing data with adaptive windowing.
    """

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._window = AdaptiveWindowing(_DELTA, _CLOCK, _MAX_BUCKETS, _MIN_WINDOW, _GRACE)
        self._levels = Levels()

    def feed(self, signal: Floats) -> Iterator[Change]:
        """Take in finite values (1-D), in order; yield each change. Values count when the iterator is used up."""
        start = 0
        while start < len(signal):
            rest = iter(signal[start:].tolist())
            alarmed = any(map(self._window.update, rest))  # any() stops just after an alarm
            end = len(signal) - operator.length_hint(rest)
            self._levels.follow(signal[start:end])
            if alarmed:
                yield self._change(end - 1)
                self._restart()
            start = end

    def _change(self, index: int) -> Change:
        kept_mean = self._window.get_total() / self._window.get_width()
        if kept_mean >= self._levels.total / self._levels.count:
            return Change(index, "worse", *self._levels.part(1))
        return Change(index, "better", *self._levels.part(-1))

    def state(self) -> AdwinState:
        """All that is needed to go on, to the bit."""
        return AdwinState(self._window.__getstate__(), self._levels.state())

    @classmethod
    def restore(cls, state: AdwinState) -> Adwin:
        """The detector `state` was taken from, by the same version of river.

        Raises `DetectorStateError` where river cannot read its state. The caller has checked that it is undamaged: river does
        not, and takes what it is given for lengths and numbers.
        """
        adwin = cls()
        try:
            adwin._window.__setstate__(state.window)
        except BaseException as error:
            # A panic in Rust derives from BaseException, to which `except Exception` is blind.
            if type(error).__name__ != "PanicException":
                raise
            raise DetectorStateError("river cannot read the state of its ADWIN") from error
        adwin._levels = Levels.restore(state.levels)
        return adwin
