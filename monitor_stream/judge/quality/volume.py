"""How many predictions come, against the version's own hour of the week."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, HOUR
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.windows import OpenWindow

WEEK: Final = 7 * DAY
#: Weeks of an hour that must be known before another is judged, and after which old ones fade.
ENOUGH_WEEKS: Final = 3
MEMORY_WEEKS: Final = 8
#: Less than half, or more than twice: a smaller difference is no reason to look.
FACTOR: Final = 2.0
#: Standard deviations of the logarithm beyond which a count is unexpected. Counts have heavy tails (holidays).
DEVIATIONS: Final = 4.0
#: Hours whose residuals make the spread.
_MEMORY_HOURS: Final = 500
#: One outage must not become the new usual: what is learned of an hour lies within this factor (its logarithm) of what
#: is known.
_LEARNED_DISTANCE: Final = math.log(3.0)


class VolumeState(msgspec.Struct, array_like=True):
    """Mean count and weeks known by slot of the week, the variance of the logarithm beyond counting, and the open unit."""

    unit: float = HOUR
    start: float | None = None
    count: float = 0.0
    whole: bool = False  # whether the open unit was followed from its beginning
    means: list[float] = []
    weeks: list[int] = []
    variance: float = 0.0
    hours: int = 0


class Volume:
    """Follows the count of each hour (or window, where that is longer) in event time.

    A count is judged against the mean of the same hour in the weeks before, on the scale of logarithms, where it varies
    by counting (``1 / mean``) and by a variance that is learned over all hours. An hour that looks like the one before or
    after it is as expected, too.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("volume", model, version)
        self._journal = journal
        self._state = VolumeState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._state = unpack(VolumeState, data)

    def take(self, closed: Iterable[OpenWindow], watermark: float) -> list[Finding]:
        """Take in windows that have closed, in their order; what the hours that ended with them were like."""
        findings: list[Finding] = []
        state = self._state
        for window in closed:
            if state.start is None or max(window.seconds, HOUR) != state.unit:
                self._state = state = _begin(window)
            findings += self._pass(window.start)
            if state.start is not None and window.start >= state.start:
                state.count += window.sums.total("traffic", 0)
            self._journal.put(self._field, lambda: pack(self._state))
        if math.isfinite(watermark):
            findings += self._pass(watermark)
        return findings

    def _pass(self, time: float) -> Iterator[Finding]:
        """Judge and learn the units that end at or before a time."""
        state = self._state
        if state.start is None:
            return
        if time - state.start > 4 * WEEK:  # silence for so long says nothing of an hour
            state.start = math.floor(time / state.unit) * state.unit - 4 * WEEK
            state.count = 0.0
        while state.start + state.unit <= time:
            slot = int(state.start % WEEK // state.unit)
            if state.whole:
                if (
                    state.weeks[slot] > ENOUGH_WEEKS
                ):  # a week later than it is learned, so that the spread is known
                    yield self._judge(slot)
                self._learn(slot)
            state.start, state.count, state.whole = state.start + state.unit, 0.0, True
            self._journal.put(self._field, lambda: pack(self._state))

    def _usual(self, slot: int) -> float:
        """What is known of this slot, or, of its neighbours, what is nearer to the count: when clocks are changed, all that
        goes by them comes an hour earlier or later, and nothing is wrong.
        """
        state = self._state
        around = (slot - 1, slot, (slot + 1) % len(state.means)) if state.unit == HOUR else (slot,)
        means = [state.means[at] for at in around]
        return min(max(state.count, min(means)), max(means))

    def _judge(self, slot: int) -> Finding:
        state = self._state
        start = state.start or 0.0
        usual, count = self._usual(slot), state.count
        deviation = math.sqrt(1.0 / (usual + 1.0) + state.variance)
        limit = max(DEVIATIONS * deviation, math.log(FACTOR))
        distance = math.log((count + 1.0) / (usual + 1.0))
        firing = abs(distance) >= limit
        detail = f"{count:,.0f} predictions from {moment(start):%A %H:%M} UTC on, usually about {usual:,.0f}."
        return Finding(
            signal="volume",
            check="hour_of_week",
            firing=firing,
            direction="moved",
            start=moment(start),
            end=moment(start + state.unit),
            n=int(count),
            value=count,
            expected=usual,
            threshold=(usual + 1.0) * math.exp(math.copysign(limit, distance)) - 1.0,
            effect=abs(distance) / limit,
            detail=detail if firing else "",
        )

    def _learn(self, slot: int) -> None:
        state = self._state
        weeks, mean, count = state.weeks[slot], state.means[slot], state.count
        if weeks >= ENOUGH_WEEKS:
            residual = math.log((count + 1.0) / (self._usual(slot) + 1.0))
            residual = min(max(residual, -_LEARNED_DISTANCE), _LEARNED_DISTANCE)
            state.hours += 1
            beyond_counting = max(residual**2 - 1.0 / (mean + 1.0), 0.0)
            state.variance += (beyond_counting - state.variance) / min(state.hours, _MEMORY_HOURS)
            count = min(
                max(count, (mean + 1.0) * math.exp(-_LEARNED_DISTANCE) - 1.0),
                (mean + 1.0) * math.exp(_LEARNED_DISTANCE) - 1.0,
            )
        state.weeks[slot] = weeks + 1
        state.means[slot] = mean + (count - mean) / min(weeks + 1, MEMORY_WEEKS)


def _begin(window: OpenWindow) -> VolumeState:
    unit = max(window.seconds, HOUR)
    slots = max(math.ceil(WEEK / unit), 1)
    return VolumeState(
        unit=unit,
        start=math.floor(window.start / unit) * unit,
        means=[0.0] * slots,
        weeks=[0] * slots,
    )
