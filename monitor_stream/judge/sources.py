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


class SourcesState(msgspec.Struct, array_like=True):
    """What of `Sources` outlives a restart. Silence does not: it is measured anew."""

    count: int
    watermark: float
    clock: float
    forks: int
    gaps: int
    known: dict[int, Source]


class Sources:
    """Who was heard of one model.

    `watermark` and `clock` are the minima over the sources that count, and never go back. A source that was silent
    for `idle_timeout` seconds of processing time, or was not heard for so long since the model was first heard, does
    not count. Processing time is what `tick` told; until the first tick nothing is idle.
    """

    def __init__(self, state: SourcesState | None = None) -> None:
        self._state = state or SourcesState(0, -math.inf, -math.inf, 0, 0, {})
        self._heard: dict[int, float | None] = dict.fromkeys(self._state.known)
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
        if not self._heard:
            self._first_heard = now
        self._heard[delta.source] = now
        state.known[delta.source] = Source(delta.epoch, delta.number, delta.watermark, delta.clock)
        state.count = max(state.count, delta.sources)
        return True

    def advance(self, now: float | None, idle_timeout: float) -> bool:
        """Bring watermark and clock up to the slowest source that counts; True where one of them moved."""
        state = self._state
        self._start_measuring(now)
        if len(state.known) < state.count and not _idle(self._first_heard, now, idle_timeout):
            return False
        active = [s for at, s in state.known.items() if not _idle(self._heard[at], now, idle_timeout)]
        before = (state.watermark, state.clock)
        if active:
            state.watermark = max(state.watermark, min(s.watermark for s in active))
            state.clock = max(state.clock, min(s.clock for s in active))
        return before != (state.watermark, state.clock)

    def finish(self) -> None:
        """Nothing comes any more."""
        self._state.watermark = self._state.clock = math.inf

    def _start_measuring(self, now: float | None) -> None:
        if self._first_heard is None:
            self._first_heard = now
        for at, heard in self._heard.items():
            if heard is None:
                self._heard[at] = now


def _idle(heard: float | None, now: float | None, timeout: float) -> bool:
    return heard is not None and now is not None and now - heard >= timeout


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
