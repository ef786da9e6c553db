"""The sources of a model: which deltas are new, and how far event time has come in all of them."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from monitor_stream.events.delta import Delta


class Source(msgspec.Struct, array_like=True):
    """One partition of OBSERVE: the last delta taken from it, and what that told of time."""

    epoch: int
    number: int
    watermark: float
    clock: float
    idle: bool = False


class SourcesState(msgspec.Struct, array_like=True):
    """What of `Sources` outlives a restart. How long a source was not heard at all does not: that is measured anew."""

    count: int
    watermark: float
    clock: float
    forks: int
    gaps: int
    known: dict[int, Source]


class Sources:
    """Who was heard of one model.

    `watermark` and `clock` are the minima over the sources that do not call themselves idle, and where all do the
    maxima, as in Flink's `StatusWatermarkValve`; they never go back. No clock of ours tells that a source is idle: it
    may be dead, or behind. Only of one that was never heard nothing better is known: it is waited for until the
    deltas were read to their end so many seconds after the model was first heard.
    """

    def __init__(self, state: SourcesState | None = None) -> None:
        self._state = state or SourcesState(0, -math.inf, -math.inf, 0, 0, {})
        self._first_heard: float | None = None

    @property
    def state(self) -> SourcesState:
        """For the store."""
        return self._state

    @property
    def watermark(self) -> float:
        """Windows that end at or before it are complete, labels apart."""
        return self._state.watermark

    @property
    def clock(self) -> float:
        """What is scored later has an order time at or above it."""
        return self._state.clock

    @property
    def forks(self) -> int:
        """How often a source went back in time."""
        return self._state.forks

    @property
    def gaps(self) -> int:
        """How many deltas never came."""
        return self._state.gaps

    def take(self, delta: Delta, now: float | None) -> bool:
        """Note a delta's place in the chain of its source; False: it was taken before."""
        source, state = self._state.known.get(delta.source), self._state
        match _place(delta, source):
            case "known":
                return False
            case "fork":
                state.forks += 1
            case int(missing):
                state.gaps += missing
        if not state.known:
            self._first_heard = now
        state.known[delta.source] = Source(
            delta.epoch, delta.number, delta.watermark, delta.clock, delta.idle
        )
        state.count = max(state.count, delta.sources)
        return True

    def advance(self, ended: float | None, idle_timeout: float) -> bool:
        """Bring watermark and clock up to the slowest source that counts; True where one of them moved.

        `ended` is when deltas were last known to be read to their end, in processing time.
        """
        state = self._state
        if self._first_heard is None:
            self._first_heard = ended
        waited = (
            self._first_heard is not None and ended is not None and ended - self._first_heard >= idle_timeout
        )
        if not state.known or (len(state.known) < state.count and not waited):
            return False
        active = [source for source in state.known.values() if not source.idle]
        slowest = min if active else max
        counted = active or state.known.values()
        before = (state.watermark, state.clock)
        state.watermark = max(state.watermark, slowest(source.watermark for source in counted))
        state.clock = max(state.clock, slowest(source.clock for source in counted))
        return before != (state.watermark, state.clock)

    def finish(self) -> None:
        """Nothing comes any more."""
        self._state.watermark = self._state.clock = math.inf


def _place(delta: Delta, source: Source | None) -> Literal["known", "fork"] | int:
    """Where a delta stands to the last one taken: known already, on another history, or so many deltas further."""
    predecessor = delta.previous[1]
    if source is None:
        return predecessor
    if delta.previous == (source.epoch, source.number):
        return 0
    if delta.epoch < source.epoch or (delta.epoch == source.epoch and delta.number <= source.number):
        return "known"
    return "fork" if predecessor <= source.number else predecessor - source.number
