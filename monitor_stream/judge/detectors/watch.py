"""ADWIN and Page-Hinkley side by side on errors of a known scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Detector
from monitor_stream.judge.detectors.adwin import Adwin, AdwinState
from monitor_stream.judge.detectors.change import Change
from monitor_stream.judge.detectors.levels import Levels, LevelsState
from monitor_stream.judge.detectors.page_hinkley import PageHinkley, PageHinkleyState
from monitor_stream.judge.detectors.running import running_total
from monitor_stream.judge.detectors.scale import SIGMA_LIMIT, Scale

#: Errors after which Page-Hinkley starts afresh. See `Watch`.
LIFE: Final = 3000
#: In standard deviations of the signal: river's defaults, 0.005 and 50, on an error rate of 0.2.
_PH_DELTA, _PH_THRESHOLD = 0.0125, 125.0


class WatchState(msgspec.Struct, frozen=True, array_like=True):
    """A `Watch` as bytes and numbers."""

    scale: Scale
    age: int
    total: float
    squares: float
    clipped: int
    adwin: AdwinState
    page_hinkley: PageHinkleyState
    levels: LevelsState


class Watch:
    """Both detectors, fed errors up to the end of a life of `LIFE` errors at a time.

    **Why Page-Hinkley has lives.** It looks for a rise only, with delta and threshold in standard deviations of the
    signal. Its rate of false alarms grows with uptime: on independent errors 35 in a million in the long run,
    whatever their distribution. Started afresh every 10,000 errors it raises 7 to 14, every 5,000 1 to 5, every 3,000
    0.5 to 1.5, every 2,000 0.1 to 0.5 (10 million values each of Bernoulli .05 and .2, exponential and half-normal
    errors). A rise of the error rate from .2 to .3 at a random moment is then found within 1,000 errors in 88, 82, 72
    and 52 of 100 cases. With 3,000 there are one or two false alarms in a million errors, the scale being measured as
    it is here; ADWIN, which has almost none and forgets nothing, finds what is too small for so short a memory, and
    what came just as a life began.

    Each life takes the standard deviation from the one before: a reference that was too good (the training rows, say)
    makes alarms too easy for the first life only. After an alarm the new level has no known deviation: for the rest
    of that life Page-Hinkley believes the largest that a signal in [0, 1] can have.
    """

    def __init__(self, scale: Scale) -> None:
        self._adwin = Adwin()
        self._levels = Levels()  # since the last alarm of Page-Hinkley
        self._begin_life(scale)

    def _begin_life(self, scale: Scale) -> None:
        self._scale = scale
        self._age = 0
        self._total = 0.0
        self._squares = 0.0
        self._clipped = 0
        self._page_hinkley = _page_hinkley(scale.sigma)

    @property
    def room(self) -> int:
        """Errors to the end of this life; at 0 it is over, see `renew`."""
        return LIFE - self._age

    def feed(self, errors: Floats) -> list[tuple[Detector, Change]]:
        """Take in at most `room` finite errors; return what either detector saw, in order, levels in error units."""
        signal = self._scale.signal(errors)
        found: list[tuple[Detector, Change]] = [("adwin", change) for change in self._adwin.feed(signal)]
        found += [("page_hinkley", change) for change in self._rises(signal)]
        self._age += len(errors)
        self._total = float(running_total(self._total, signal)[-1])
        self._squares = float(running_total(self._squares, signal * signal)[-1])
        self._clipped += int(np.count_nonzero(errors > self._scale.unit))
        found.sort(key=lambda item: item[1].index)
        return [(detector, self._in_error_units(change)) for detector, change in found]

    def _rises(self, signal: Floats) -> Iterator[Change]:
        start = 0
        while (alarm := self._page_hinkley.feed(signal[start:])) is not None:
            end = start + alarm + 1
            self._levels.follow(signal[start:end])
            yield Change(end - 1, "worse", *self._levels.part(1))
            self._levels = Levels()
            self._page_hinkley = _page_hinkley(SIGMA_LIMIT)
            start = end
        self._levels.follow(signal[start:])

    def _in_error_units(self, change: Change) -> Change:
        unit = self._scale.unit
        return msgspec.structs.replace(change, before=change.before * unit, after=change.after * unit)

    def renew(self) -> bool:
        """Begin the next life. False where that is no use: most errors were above the unit, so that a further rise
        would not show, and the scale has to be measured anew.
        """
        if 2 * self._clipped > self._age:
            return False
        self._begin_life(self._scale.with_sigma_of(self._age, self._total, self._squares))
        return True

    def state(self) -> WatchState:
        """All that is needed to go on, to the bit."""
        return WatchState(
            self._scale,
            self._age,
            self._total,
            self._squares,
            self._clipped,
            self._adwin.state(),
            self._page_hinkley.state(),
            self._levels.state(),
        )

    @classmethod
    def restore(cls, state: WatchState, *, adwin: Adwin) -> Watch:
        """The watch `state` was taken from, with the ADWIN made from it (or a new one)."""
        watch = cls(state.scale)
        watch._adwin = adwin
        watch._age = state.age
        watch._total = state.total
        watch._squares = state.squares
        watch._clipped = state.clipped
        watch._page_hinkley = PageHinkley.restore(state.page_hinkley)
        watch._levels = Levels.restore(state.levels)
        return watch


def _page_hinkley(sigma: float) -> PageHinkley:
    return PageHinkley(_PH_DELTA * sigma, _PH_THRESHOLD * sigma)
