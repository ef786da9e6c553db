"""The mean error of drift spans, by order time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.judge.detectors.running import running_total

#: A run that does not hold enough errors is given up when it is so many spans long.
MAX_RUN: Final = 30


class ErrorRun(msgspec.Struct, frozen=True, array_like=True):
    """The errors of the spans from `start` to `end` (Unix seconds, `end` outside): how many, and their mean."""

    start: float
    end: float
    n: int
    mean: float


class ErrorSpans(msgspec.Struct, array_like=True):
    """Errors in the order of time, added up by span. The shortest runs of spans that hold at least `least` errors.

    An error older than the span that is open belongs to the open one. The same errors give the same runs, to the bit,
    however they are split.

    >>> spans = ErrorSpans(seconds=10.0, least=2)
    >>> list(spans.add(np.array([1.0, 2.0, 11.0, 25.0, 31.0]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])))
    [ErrorRun(start=0.0, end=10.0, n=2, mean=0.5), ErrorRun(start=10.0, end=30.0, n=2, mean=0.5)]
    """

    seconds: float
    least: int
    at: float | None = None  # the span that is open: its start over `seconds`
    first: float = 0.0  # the one that the run began with
    n: int = 0
    total: float = 0.0
    done: int = 0  # errors of runs that are closed, or given up

    @property
    def length(self) -> float:
        """How many spans the open run has so far; 0 where none is open."""
        return 0.0 if self.at is None else self.at - self.first + 1.0

    def parts(self, order: Floats) -> Iterator[slice]:
        """Cut order times (1-D, finite) into stretches that lie within one span each."""
        if not len(order):
            return
        cuts = (np.flatnonzero(np.diff(self._places(order))) + 1).tolist()
        for start, stop in zip([0, *cuts], [*cuts, len(order)], strict=True):
            yield slice(start, stop)

    def add(self, order: Floats, error: Floats) -> Iterator[ErrorRun]:
        """Take in errors, in order; yield the runs that they close. Errors count when the iterator is used up."""
        for part in list(self.parts(order)):
            place = float(self._places(order[part])[0])
            yield from self.close(place * self.seconds)
            if self.at is not None and place - self.first >= MAX_RUN:
                self._end()
            if self.at is None:
                self.first = place
            self.at = place
            self.n += part.stop - part.start
            self.total = float(running_total(self.total, error[part])[-1])

    def close(self, clock: float) -> Iterator[ErrorRun]:
        """Yield the run that is complete, if it holds enough, now that no error below the clock can come."""
        if self.at is None or self.n < self.least or clock < (self.at + 1.0) * self.seconds:
            return
        run = ErrorRun(self.first * self.seconds, (self.at + 1.0) * self.seconds, self.n, self.total / self.n)
        self._end()
        yield run

    def _end(self) -> None:
        self.done += self.n
        self.at, self.n, self.total = None, 0, 0.0

    def _places(self, order: Floats) -> Floats:
        """Which span each error belongs to: its own, or the open one if that is later."""
        own = np.maximum.accumulate(order // self.seconds)
        return own if self.at is None else np.maximum(own, self.at)
