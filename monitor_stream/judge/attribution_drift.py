"""Which features a version leans on, by what events attribute to them, and whether that has changed.

A model is a fixed function: where it leans on other features than before, its inputs have changed together in a way that single
columns do not show, or another model answers under its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import AttributionDrift, Finding
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.why.facts import Leaning
from monitor_stream.judge.windows import OpenWindow

#: Runs that show how far calm days lie apart: a week at defaults.
LEARNED: Final = 7
#: How far NDCG must fall below what is usual before anybody cares: where the usual is 1, below 0.9, as Amazon SageMaker
#: Clarify has it.
FLOOR: Final = 0.1
#: Days that are added up at most until they hold enough rows; afterwards they are given up.
MAX_DAYS: Final = 30
_MONTH: Final = 30 * DAY
#: Features that a sentence names.
_NAMED: Final = 3


class AttributionRun(msgspec.Struct, array_like=True):
    """Days that are added up: by feature how many attributions, and the sum of their absolute values."""

    start: float
    end: float = 0.0
    features: dict[str, tuple[float, float]] = {}

    @property
    def n(self) -> int:
        """Rows: those that the feature with the most attributions has."""
        return int(max((values for values, _ in self.features.values()), default=0.0))

    @property
    def shares(self) -> dict[str, float]:
        """The mean absolute attribution of each feature over the sum of all; empty where all are 0."""
        means = {name: absolute / values for name, (values, absolute) in self.features.items() if values}
        total = sum(means.values())
        return {name: mean / total for name, mean in means.items()} if total > 0.0 else {}


class Calm(msgspec.Struct, frozen=True, array_like=True):
    """One of the first runs."""

    n: int
    shares: dict[str, float]


class AttributionState(msgspec.Struct, array_like=True):
    """What is kept of a version; `importance` is the spec's, by which the runs were judged."""

    importance: dict[str, float] = {}
    run: AttributionRun | None = None
    calm: list[Calm] = []
    newest: AttributionDrift | None = None


class Attributions:
    """Adds closed days up until they hold `ModelSpec.min_samples` rows, then holds them against the reference's ranking.

    The ranking is that of `Feature.importance`, or, where the spec knows none, of the first `LEARNED` runs. A run has drifted when
    its NDCG lies below the mean of the first runs by more than `FLOOR`, and by more than what their own spread makes likely: the
    limit of a prediction interval by Student's law, wider by √(n of theirs / n) for a run of fewer rows.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("attribution", model, version)
        self._journal = journal
        self._state = AttributionState()
        self._facts: list[Leaning] = []

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._state = unpack(AttributionState, data)

    @property
    def newest(self) -> AttributionDrift | None:
        """What the newest run was like."""
        return self._state.newest

    def facts(self) -> list[Leaning]:
        """What the model leaned on in the runs since the last call."""
        facts, self._facts = self._facts, []
        return facts

    def take(self, days: Iterable[OpenWindow], spec: ModelSpec) -> list[Finding]:
        """Take in closed days, the oldest first; whether runs that have ended had drifted."""
        return [finding for day in days for finding in self._day(day, spec)]

    def _day(self, day: OpenWindow, spec: ModelSpec) -> list[Finding]:
        block = day.sums.tables.get("attributions")
        if block is None:
            return []
        state = self._state
        importance = {f.name: max(f.importance, 0.0) for f in spec.features if f.importance is not None}
        if state.importance != importance:
            state = self._state = AttributionState(importance)
        run = state.run
        if run is None or day.end - run.start > MAX_DAYS * DAY:
            run = state.run = AttributionRun(float(day.start))
        run.end = day.end
        for name, (values, absolute, _) in block:
            before = run.features.get(name, (0.0, 0.0))
            run.features[name] = (before[0] + float(values), before[1] + float(absolute))
        self._journal.put(self._field, lambda: pack(self._state))
        if run.n < spec.min_samples or not run.shares:
            return []
        state.run = None
        return self._judge(run, spec)

    def _judge(self, run: AttributionRun, spec: ModelSpec) -> list[Finding]:
        state = self._state
        self._facts.append(Leaning(run.end, run.start, run.end, run.shares))
        learning = len(state.calm) < LEARNED
        if learning:
            state.calm.append(Calm(run.n, run.shares))
        gains = _gains(state)
        found = AttributionDrift(start=moment(run.start), end=moment(run.end), n=run.n, shares=run.shares)
        if not gains:
            reason = f"the spec knows no importance, and the first {LEARNED} runs are not over"
            state.newest = msgspec.structs.replace(found, not_computable=reason)
            return []
        rank, gain = rank_correlation(run.shares, gains), ndcg(run.shares, gains)
        found = msgspec.structs.replace(found, rank_correlation=rank, ndcg=gain)
        if learning:
            state.newest = found
            return []
        usual = [ndcg(calm.shares, gains) for calm in state.calm]
        limit = _limit(usual, float(np.mean([calm.n for calm in state.calm])), run, spec)
        drifted = gain < limit
        state.newest = msgspec.structs.replace(found, drifted=drifted)
        expected = float(np.mean(usual))
        return [
            Finding(
                signal="attribution_drift",
                check="ndcg",
                firing=drifted,
                start=found.start,
                end=found.end,
                n=run.n,
                value=gain,
                expected=expected,
                threshold=limit,
                effect=max((expected - gain) / (expected - limit), 0.0),
                detail=_detail(run.shares, _mean_shares(state.calm)) if drifted else "",
            )
        ]


def rank_correlation(shares: Mapping[str, float], gains: Mapping[str, float]) -> float | None:
    """Spearman's, over the features that both know; ties have the mean of their ranks. ``None`` where one side has no order.

    >>> rank_correlation({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 9.0, "b": 1.0, "c": 5.0})
    0.5
    """
    names = sorted(shares.keys() & gains.keys())
    ones, others = (rankdata([of[name] for name in names]) for of in (shares, gains))
    if len(names) < 2 or ones.std() == 0.0 or others.std() == 0.0:
        return None
    return round(float(np.corrcoef(ones, others)[0, 1]), 12)


def ndcg(shares: Mapping[str, float], gains: Mapping[str, float]) -> float:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002) of the ranking by shares: 1 where it is that by gains.

    A feature without a share has 0 and stands last. Ties have the mean of the discounts of their places.

    >>> round(ndcg({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 0.3, "b": 0.6, "c": 0.1}), 3)
    0.868
    """
    names = sorted(gains)
    gain: Floats = np.array([gains[name] for name in names])
    best = float(np.sort(gain)[::-1] @ _discounts(len(names)))
    return (
        float(gain @ _discounts_of([shares.get(name, 0.0) for name in names])) / best if best > 0.0 else 1.0
    )


def _discounts(count: int) -> Floats:
    discounts: Floats = 1.0 / np.log2(np.arange(count) + 2.0)
    return discounts


def _discounts_of(values: Sequence[float]) -> Floats:
    """The discount of each value's place in descending order."""
    _, place, counts = np.unique(-np.array(values), return_inverse=True, return_counts=True)
    sums = np.add.reduceat(_discounts(len(values)), np.cumsum(counts) - counts)
    discounts: Floats = (sums / counts)[place]
    return discounts


def _gains(state: AttributionState) -> dict[str, float]:
    """The ranking of the reference; empty where it is not known yet."""
    if any(state.importance.values()):
        return state.importance
    return _mean_shares(state.calm) if len(state.calm) >= LEARNED else {}


def _mean_shares(calm: Sequence[Calm]) -> dict[str, float]:
    names = {name for each in calm for name in each.shares}
    return {name: sum(each.shares.get(name, 0.0) for each in calm) / len(calm) for name in sorted(names)}


def _limit(usual: Sequence[float], n: float, run: AttributionRun, spec: ModelSpec) -> float:
    """Below it NDCG is beyond what first runs of n rows each make likely, and low enough for somebody to care."""
    chance = min(spec.drift.false_alarms_per_month * (run.end - run.start) / _MONTH, 0.01)
    spread = float(np.std(usual, ddof=1)) * math.sqrt((1.0 + 1.0 / len(usual)) * max(n / run.n, 1.0))
    return float(np.mean(usual)) - max(FLOOR, float(student.isf(chance, len(usual) - 1)) * spread)


def _detail(shares: Mapping[str, float], usual: Mapping[str, float]) -> str:
    moved = sorted(shares, key=lambda name: (-abs(shares[name] - usual.get(name, 0.0)), name))[:_NAMED]
    told = ", ".join(f"{name} {usual.get(name, 0.0):.0%} → {shares[name]:.0%}" for name in moved)
    return f"the model leans on other features than usual: {told}"
