"""Loss that no label has told yet: estimated metrics beyond what the baseline allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import TableName
from monitor_stream.judge.estimates.estimate import estimate
from monitor_stream.judge.performance import WORSE, limits
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.sums import PackedBlock, Rows, Sums
from monitor_stream.judge.windows import OpenWindow

#: Runs that wait for the clock; beyond it the oldest are told before their time.
MAX_WAITING: Final = 2_000
_TABLES: Final[tuple[TableName, ...]] = ("estimates", "estimated_scores", "estimated_confusion")


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """A run of windows that is over: which (Unix seconds), of how many predictions, and its metrics."""

    start: float
    end: float
    n: int
    values: dict[str, float]
    digest: str


class EstimatesState(msgspec.Struct, array_like=True):
    """The windows of the run that is open, added up, and what waits for the clock."""

    digest: str = ""
    start: float = math.inf
    end: float = -math.inf
    tables: dict[TableName, PackedBlock] = {}
    waiting: list[Judged] = []


class EstimatedErrors:
    """Adds closed windows up until they hold `min_samples` predictions of which something was foretold, and holds the estimates
    against the baseline's limits.

    Windows close with the predictions, and what labels say of the estimates is known with the labels: a run is told when the
    clock, the slower of both, has passed its end. So every run of the monitor says the same. What labels contradict is told
    as no loss, and nothing that is well by it is told at all: it is no all-clear.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("estimates", model, version)
        self._journal = journal
        self._state = EstimatesState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._state = unpack(EstimatesState, data)

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> None:
        """Take in windows that have closed, in their order."""
        for window in closed:
            if "estimates" not in window.sums.tables:
                continue
            if self._state.digest != window.reference:
                self._state = EstimatesState(window.reference, waiting=self._state.waiting)
            self._add(window)
            self._end(spec_of(window.reference))
            self._touch()

    def judge(
        self, clock: float, spec_of: Callable[[str], ModelSpec], contradicted_at: Callable[[float], bool]
    ) -> list[Finding]:
        """What is found of the runs that the clock has passed."""
        state = self._state
        due = max(sum(1 for run in state.waiting if run.end <= clock), len(state.waiting) - MAX_WAITING)
        if not due:
            return []
        judged, state.waiting = state.waiting[:due], state.waiting[due:]
        self._touch()
        return [
            finding
            for run in judged
            for finding in findings(run, spec_of(run.digest), contradicted=contradicted_at(run.end))
        ]

    @property
    def digests(self) -> set[str]:
        """Of the specs that are still needed."""
        return {run.digest for run in self._state.waiting}

    def _add(self, window: OpenWindow) -> None:
        state, sums = self._state, Sums.unpack(self._state.tables)
        for table in _TABLES:
            block = window.sums.tables.get(table)
            if block is not None:
                sums.add(table, Rows(list(block.groups), block.rows))
        state.start, state.end = min(state.start, window.start), max(state.end, window.end)
        state.tables = sums.pack()

    def _end(self, spec: ModelSpec) -> None:
        """Close the run where it holds enough."""
        state = self._state
        sums = Sums.unpack(state.tables)
        if sums.total("estimates", 0) < spec.min_samples:
            return
        found = estimate(sums, spec)
        if found is not None:
            run = Judged(state.start, state.end, found.n, found.values, state.digest)
            self._state = EstimatesState(state.digest, waiting=[*state.waiting, run])

    def _touch(self) -> None:
        self._journal.put(self._field, lambda: pack(self._state))


def findings(run: Judged, spec: ModelSpec, *, contradicted: bool) -> Iterator[Finding]:
    """Each estimated metric that has a limit, beyond it or not.

    >>> from monitor_stream.events.spec import Baseline
    >>> spec = ModelSpec(model="m", task="binary", baseline={"accuracy": Baseline(0.9, 0.01, 10)})
    >>> run = Judged(0.0, 300.0, 500, {"accuracy": 0.85}, "")
    >>> [(f.check, f.firing, f.severity, round(f.effect, 1)) for f in findings(run, spec, contradicted=False)]
    [('accuracy', True, 'critical', 1.7)]
    >>> [f.severity for f in findings(run, spec, contradicted=True)]
    ['warning']
    """
    for metric, limit in sorted(limits(spec.task, spec.baseline).items()):
        value, mean = run.values.get(metric), spec.baseline[metric].mean
        if value is None:
            continue
        firing = value > limit if WORSE[metric] == "above" else value < limit
        if contradicted and not firing:
            continue
        yield Finding(
            signal="estimated_error",
            check=metric,
            firing=firing,
            severity="critical" if firing and not contradicted else "warning",
            direction="worse" if firing else "moved",
            start=moment(run.start),
            end=moment(run.end),
            n=run.n,
            value=value,
            expected=mean,
            threshold=limit,
            effect=max((value - mean) / (limit - mean), 0.0) if limit != mean else 0.0,
            detail=_sentence(metric, value, mean, contradicted=contradicted) if firing else "",
        )


def _sentence(metric: str, value: float, mean: float, *, contradicted: bool) -> str:
    name = metric.replace("_", " ")
    said = f"The estimated {name} is {value:.4g}, on the reference it was {mean:.4g}"
    return f"{said}; labels contradict the estimates." if contradicted else f"{said}; no label has told yet."
