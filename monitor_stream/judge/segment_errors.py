"""Segments that have become worse than the rest: concept drift in one part of the predictions.

What a storm does to all of them is a matter of the version. A segment is compared with the version as a whole on the same
days, and with how it compared usually.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import ModelSpec, Task
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.detectors.budget import SpanRules, level_limit
from monitor_stream.judge.detectors.in_control import FLOOR, LEARNED, InControl
from monitor_stream.judge.detectors.side import Side
from monitor_stream.judge.detectors.spans import MAX_RUN, ErrorRun
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.windows import OpenWindow

#: Scored pairs that a segment's days are added up to before they are looked at.
LEAST: Final = 100
#: Segments that are followed for one version.
MAX_SEGMENTS: Final = 500
_SMALLEST: Final = 1e-12


class Errors(NamedTuple):
    """How many pairs were scored, the mean of their error, and its variance."""

    n: int
    mean: float
    variance: float


class Stretch(msgspec.Struct, array_like=True):
    """Days of a segment that are not looked at yet: sums over its pairs."""

    start: float
    end: float
    n: int = 0
    excess: float = 0.0  # of the error over the whole version's on the same day
    whole: float = 0.0  # the whole version's mean error
    variance: float = 0.0  # of one of its errors

    @property
    def run(self) -> ErrorRun:
        """The mean excess."""
        return ErrorRun(self.start, self.end, self.n, self.excess / self.n)


class SegmentState(msgspec.Struct, array_like=True):
    """What is known of one segment: first how it usually compares, then whether it is worse."""

    task: Task
    stretch: Stretch | None = None
    runs: list[ErrorRun] = []
    variance: float = 0.0
    usual: InControl | None = None
    side: Side = msgspec.field(default_factory=Side)


class SegmentErrors:
    """Charts of each segment's mean error over that of the version as a whole, from settled days.

    The first 21 stretches of at least 100 pairs show how a segment compares usually; nothing is said until then. Afterwards the
    charts are those of spans (`detectors.side`), with the chance of a false alarm shared by all segments.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._segments: dict[str, SegmentState] = {}

    def restore(self, group: str, data: bytes) -> None:
        """Take back what the store held of a segment."""
        self._segments[group] = unpack(SegmentState, data)

    def take(self, days: Iterable[OpenWindow], spec: ModelSpec) -> list[Finding]:
        """Take in settled days, the oldest first; what is found in each segment."""
        return [finding for day in days for finding in self._day(day, spec)]

    def _day(self, day: OpenWindow, spec: ModelSpec) -> list[Finding]:
        block, task = day.sums.tables.get("performance"), day.sums.task(spec.task)
        if block is None or not block.row("")[0]:
            return []
        whole, findings = _errors(block.row(""), task), []
        for group, row in sorted((group, row.tolist()) for group, row in block if group and row[0]):
            state = self._segments.get(group)
            if state is None and len(self._segments) >= MAX_SEGMENTS:
                continue
            if state is None or state.task != task:
                state = self._segments[group] = SegmentState(task)
            stretch = _stretched(state, day, _errors(row, task), whole)
            if stretch is not None and state.usual is not None:
                findings.append(self._look(group, state, state.usual, stretch, spec))
            elif stretch is not None:
                _learn(state, stretch)
            self._journal.put(key("segment", *self._owner, group), partial(pack, state))
        return findings

    def _look(
        self, group: str, state: SegmentState, usual: InControl, stretch: Stretch, spec: ModelSpec
    ) -> Finding:
        run, whole = stretch.run, stretch.whole / stretch.n
        chance = SpanRules.of(spec).chance(run.end - run.start) / len(self._segments)
        edge = usual.mean + FLOOR * whole
        side = state.side
        side.follow(
            usual.score(run.mean, run.n), run.mean, run.n, edge=edge, chance=chance, stretch=usual.stretch
        )
        limit = max(usual.limit(level_limit(chance), run.n), edge)
        lasting = side.cusum and not side.level
        excess = side.mean if lasting else run.mean
        if lasting:
            limit = max(usual.limit_lasting(1.0, chance, side.runs, side.n), edge)
        value, expected = whole + excess, whole + usual.mean
        return Finding(
            signal="error",
            check="cusum" if lasting else "level",
            column=group,
            firing=side.firing,
            direction="worse" if side.firing else "moved",
            start=moment(run.start),
            end=moment(run.end),
            n=run.n,
            value=value,
            expected=expected,
            threshold=whole + limit,
            effect=max((excess - usual.mean) / (limit - usual.mean), 0.0) if limit > usual.mean else 0.0,
            detail=f"The error of {group} is {value:.4g}, where {expected:.4g} is usual beside the rest."
            if side.firing
            else "",
        )


def _stretched(state: SegmentState, day: OpenWindow, errors: Errors, whole: Errors) -> Stretch | None:
    """Add a day of a segment; the stretch, where that makes it long enough."""
    stretch = state.stretch
    if stretch is None or day.end - stretch.start > MAX_RUN * day.seconds:
        stretch = state.stretch = Stretch(day.start, day.end)
    stretch.end = day.end
    stretch.n += errors.n
    stretch.excess += errors.n * (errors.mean - whole.mean)
    stretch.whole += errors.n * whole.mean
    stretch.variance += errors.n * whole.variance
    if stretch.n < LEAST:
        return None
    state.stretch = None
    return stretch


def _learn(state: SegmentState, stretch: Stretch) -> None:
    """Note how a segment compares, until it is known how it usually does."""
    state.runs.append(stretch.run)
    state.variance += stretch.variance
    if len(state.runs) < LEARNED:
        return
    counts = np.array([run.n for run in state.runs])
    mean = float(np.average([run.mean for run in state.runs], weights=counts))
    std = max(math.sqrt(state.variance / float(counts.sum())), _SMALLEST)
    state.usual, state.runs = InControl.of_runs(mean, std, state.runs, []), []


def _errors(row: Sequence[float] | Floats, task: Task) -> Errors:
    """Those of one row of `performance`."""
    sums = dict(zip(PERFORMANCE[task], map(float, row), strict=True))
    n = sums["scored"]
    if task == "regression":
        mean = sums["absolute_error"] / n
        return Errors(int(n), mean, max(sums["squared_error"] / n - mean * mean, 0.0))
    mean = sums["bad"] / n
    return Errors(int(n), mean, mean * (1.0 - mean))
