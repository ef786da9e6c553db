"""ADWIN: a change of the mean, up or down, anywhere in all that was seen since the last one."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from river._river_rust.drift import AdaptiveWindowing

from monitor_stream.events.delta import Floats
from monitor_stream.judge.detectors.change import Change
from monitor_stream.judge.detectors.running import running_total

_DELTA, _CLOCK, _MAX_BUCKETS, _MIN_WINDOW, _GRACE = 0.002, 32, 5, 5, 10  # as river's `drift.ADWIN`

#: Running totals are kept after each of the last 64 values, and after each 32nd of the last 2,048.
_RECENT: Final = 64
_STRIDE: Final = 32
_MARKS: Final = 64


class AdwinState(msgspec.Struct, frozen=True, array_like=True):
    """An `Adwin` as bytes: river's own state, and the totals beside it."""

    window: bytes
    count: int
    recent: bytes
    marks: bytes


class Adwin:
    """River's ADWIN, with its defaults and alarm by alarm the same, fed by arrays, and with better estimates.

    After an alarm it starts afresh, so its window is always all it has seen. River's own mean right after an alarm
    is of what ADWIN kept, which is mostly old values: it drops the oldest until no cut is significant. Here the
    change is placed where it is most likely (least squares): at one of the last 64 values, at a multiple of 32 among
    the last 2,048, or where river cut. `before` and `after` are the means on either side, and rise where river's do.

    Examples
    --------
    >>> adwin = Adwin()
    >>> list(adwin.feed(np.repeat([0.0, 1.0], 1000)))
    [Change(index=1023, before=0.0, after=1.0)]

    References
    ----------
    Bifet and Gavaldà (2007), Learning from time-changing data with adaptive windowing.
    """

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._window = AdaptiveWindowing(_DELTA, _CLOCK, _MAX_BUCKETS, _MIN_WINDOW, _GRACE)
        self._count = 0
        self._recent: Floats = np.zeros(1)
        self._marks: Floats = np.zeros(1)

    def feed(self, signal: Floats) -> Iterator[Change]:
        """Take in finite values (1-D), in order; yield each change. Values count when the iterator is used up."""
        start = 0
        while start < len(signal):
            rest = iter(signal[start:].tolist())
            alarmed = any(map(self._window.update, rest))  # any() stops just after an alarm
            end = len(signal) - operator.length_hint(rest)
            self._follow(signal[start:end])
            if alarmed:
                yield self._change(end - 1)
                self._restart()
            start = end

    def _follow(self, part: Floats) -> None:
        """Carry the running totals on."""
        totals = running_total(self._recent[-1], part)
        next_mark = _STRIDE - self._count % _STRIDE
        self._count += len(part)
        self._recent = np.concatenate((self._recent, totals))[-_RECENT:]
        self._marks = np.concatenate((self._marks, totals[next_mark - 1 :: _STRIDE]))[-_MARKS:]

    def _change(self, index: int) -> Change:
        cut, kept = self._count - self._window.get_width(), self._window.get_total()
        total = self._recent[-1]
        newest_mark = self._count - self._count % _STRIDE
        counts = np.concatenate(
            (
                newest_mark - _STRIDE * np.arange(len(self._marks) - 1, -1, -1),
                self._count - np.arange(len(self._recent) - 1, -1, -1),
                (cut,),
            )
        )
        totals = np.concatenate((self._marks, self._recent, (total - kept,)))
        inside = (counts > 0) & (counts < self._count)
        counts, totals = counts[inside], totals[inside]
        before = totals / counts
        after = (total - totals) / (self._count - counts)
        step = (after - before) * np.sqrt(counts * (self._count - counts))
        likeliest = np.argmax(step if step[-1] >= 0.0 else -step)  # the last is river's cut
        return Change(index, float(before[likeliest]), float(after[likeliest]))

    def state(self) -> AdwinState:
        """All that is needed to go on, to the bit."""
        window = self._window.__getstate__()
        return AdwinState(
            window, self._count, self._recent.astype("<f8").tobytes(), self._marks.astype("<f8").tobytes()
        )

    @classmethod
    def restore(cls, state: AdwinState) -> Adwin:
        """The detector `state` was taken from, by the same version of river.

        Raises ValueError where river cannot read its state. The caller has checked that it is undamaged: river does
        not, and takes what it is given for lengths and numbers.
        """
        adwin = cls()
        try:
            adwin._window.__setstate__(state.window)
        except BaseException as error:
            # A panic in Rust derives from BaseException, to which `except Exception` is blind.
            if type(error).__name__ != "PanicException":
                raise
            raise ValueError("river cannot read the state of its ADWIN") from error
        adwin._count = state.count
        adwin._recent = np.frombuffer(state.recent, "<f8")
        adwin._marks = np.frombuffer(state.marks, "<f8")
        return adwin
