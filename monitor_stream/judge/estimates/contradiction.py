"""Labels against what was foretold of them: whether estimates can be believed now, and when they could not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Contradiction, Finding
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.detectors.budget import SpanRules
from monitor_stream.judge.detectors.in_control import LEARNED
from monitor_stream.judge.detectors.spans import ErrorRun, ErrorSpans
from monitor_stream.judge.errors_in_order import Pairs
from monitor_stream.judge.estimates.gap_scale import GapScale
from monitor_stream.judge.estimates.starts import Gap, Starts
from monitor_stream.judge.persist import Journal, key, pack, unpack

#: The chance of ever saying wrongly that labels contradict the estimates, however long one looks.
ALPHA: Final = 0.05
#: It is over when the newest spans speak so many times better for no gap than for half of the one that was told.
_BETTER: Final = 20.0
#: Times of contradiction that are remembered.
MAX_PERIODS: Final = 100
#: A variance of 0 (all foretold for certain) leaves one wrong answer in ten thousand pairs possible.
_LEAST_VARIANCE: Final = 1e-4


class Period(msgspec.Struct, frozen=True, array_like=True):
    """Labels contradicted the estimates from `since` until `until` (Unix seconds), infinity while they still do."""

    since: float
    until: float = math.inf


class Followed(msgspec.Struct, frozen=True, array_like=True):
    """What makes the gap and its spans: where it changes, the labels are looked at anew."""

    scale: GapScale
    rules: SpanRules

    @classmethod
    def of(cls, spec: ModelSpec) -> Followed | None:
        """That of a spec; ``None`` where nothing is foretold."""
        scale = GapScale.of(spec)
        return None if scale is None else cls(scale, SpanRules.of(spec))


class GapState(msgspec.Struct, array_like=True):
    """What is known of the gap. `told` is the gap that made the contradiction active, 0 while there is none; `back` the evidence
    that it is over.
    """

    followed: Followed
    scale: GapScale  # that of `followed`, until the stream has shown its spread
    gaps: ErrorSpans
    variances: ErrorSpans
    starts: Starts = msgspec.field(default_factory=Starts)
    runs: list[ErrorRun] = []  # what the spread is learned from
    variance: float = 0.0  # of the gaps in them, summed over the pairs
    told: float = 0.0
    back: float = 0.0


class History(msgspec.Struct, array_like=True):
    """What outlives a change of the estimator."""

    seen: int = 0
    labels: int = 0
    times: int = 0
    periods: list[Period] = []
    newest: Gap | None = None


class _State(msgspec.Struct, array_like=True):
    gap: GapState | None
    history: History


class ContradictionWatch:
    r"""Follows the mean gap (error less foretold error) of drift spans, by order time.

    **In control** the mean gap of a span of n pairs varies about 0 by :math:`\sqrt{between^2 + v / n}`: the spread that the
    reference's spans had, at the upper end of its interval, and sampling, v being what the foretold errors themselves say. A
    reference with fewer than 21 spans has not shown its spread: until the stream has, it is taken for a tenth of the mean error.

    **Active** it becomes when a confidence sequence (`Starts`) has the mean gap further from 0 than `GapScale.margin`: on a
    stream whose spans are independent wrongly with probability α at most, for ever; after the j-th time it was over, the next
    has :math:`α / (j (j + 1))`, so that all of them share α.

    **Over** it is when the newest spans lie around zero again: Page's CUSUM of the log-likelihood of no gap against
    half the gap that was told passes ln 20. Then all before is forgotten.

    References
    ----------
    Page (1954), Continuous inspection schemes, Biometrika 41.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("contradiction", model, version)
        self._journal = journal
        self._gap: GapState | None = None
        self._history = History()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        state = unpack(_State, data)
        self._gap, self._history = state.gap, state.history

    def advance(self, pairs: Pairs, clock: float, spec: ModelSpec) -> list[Finding]:
        """Take in finite errors in order, and say what the spans below the clock tell."""
        told = pairs.at(np.isfinite(pairs.foretold))
        if told.order.size:
            self._follow(spec, float(told.order[0]))
        gap = self._gap
        if gap is None:
            return []
        runs = [*self._runs(gap, told), *_closed(gap, clock)]
        findings = [self._take(gap, run, variance.mean, spec) for run, variance in runs]
        if told.order.size or runs:
            self._journal.put(self._field, lambda: pack(_State(self._gap, self._history)))
        return findings

    def at(self, time: float) -> bool:
        """Whether labels had contradicted the estimates by an event time, as far as is known now."""
        return any(period.since <= time < period.until for period in self._history.periods)

    def document(self) -> Contradiction | None:
        """For readers; ``None`` before the first span is over."""
        history, newest = self._history, self._history.newest
        if newest is None:
            return None
        active = self._is_active
        return Contradiction(
            active=active,
            since=moment(history.periods[-1].since) if active else None,
            labels=history.labels,
            seen=history.seen,
            gap=newest.mean,
            low=newest.mean - newest.reach,
            high=newest.mean + newest.reach,
            times=history.times,
        )

    @property
    def _is_active(self) -> bool:
        return bool(self._history.periods) and self._history.periods[-1].until == math.inf

    def _follow(self, spec: ModelSpec, at: float) -> None:
        """Begin anew where the estimator is another one: of it nothing is known yet."""
        followed = Followed.of(spec)
        if self._gap is not None and self._gap.followed == followed:
            return
        self._end(at)
        self._gap = None
        if followed is not None:
            rules = followed.rules
            gaps, variances = (ErrorSpans(rules.seconds, rules.least) for _ in range(2))
            self._gap = GapState(followed, followed.scale, gaps, variances)

    def _runs(self, gap: GapState, pairs: Pairs) -> Iterator[tuple[ErrorRun, ErrorRun]]:
        """The mean gap and the mean variance of the spans that the pairs close."""
        values, variances = gap.scale.gaps(pairs.error, pairs.foretold), gap.scale.variances(pairs.foretold)
        return zip(gap.gaps.add(pairs.order, values), gap.variances.add(pairs.order, variances), strict=True)

    def _take(self, gap: GapState, run: ErrorRun, variance: float, spec: ModelSpec) -> Finding:
        """One run of spans is over."""
        apart = gap.scale.apart(gap.runs, gap.variance / max(sum(each.n for each in gap.runs), 1))
        spread = apart**2 + max(variance, _LEAST_VARIANCE * gap.scale.unit**2) / run.n
        self._learn(gap, run, variance)
        self._history.seen += run.n
        gap.starts.add(run.mean, spread)
        newest = gap.starts.strongest(_alpha(self._history.times - self._is_active))
        self._history.newest = newest
        if not self._is_active:
            if newest.certain > gap.scale.margin:
                self._begin(gap, run, newest.mean)
        elif self._is_back(gap, run.mean, spread):
            self._end(run.end)
            gap.starts, gap.told, gap.back = Starts(), 0.0, 0.0
        return self._finding(gap, run, newest, spec)

    def _learn(self, gap: GapState, run: ErrorRun, variance: float) -> None:
        """Learn the spread from the stream, where the reference has not shown it."""
        if gap.scale.is_measured:
            return
        gap.runs = [*gap.runs, run]
        gap.variance += variance * run.n
        if len(gap.runs) == LEARNED:
            gap.scale = gap.scale.learned(gap.runs, gap.variance / sum(each.n for each in gap.runs))
            gap.runs, gap.variance = [], 0.0

    def _begin(self, gap: GapState, run: ErrorRun, told: float) -> None:
        history = self._history
        gap.told, gap.back = told, 0.0
        history.periods = [*history.periods, Period(run.end)][-MAX_PERIODS:]
        history.times += 1
        history.labels = history.seen

    def _end(self, at: float) -> None:
        if self._is_active:
            *before, last = self._history.periods
            self._history.periods = [*before, Period(last.since, max(at, last.since))]

    @staticmethod
    def _is_back(gap: GapState, mean: float, variance: float) -> bool:
        """Whether the newest spans lie around zero again."""
        half = gap.told / 2.0
        gap.back = max(gap.back + (half / 2.0 - mean) * half / variance, 0.0)
        return gap.back > math.log(_BETTER)

    def _finding(self, gap: GapState, run: ErrorRun, newest: Gap, spec: ModelSpec) -> Finding:
        active, margin = self._is_active, gap.scale.margin
        threshold = newest.reach + margin
        return Finding(
            signal="contradiction",
            check="confidence_sequence",
            firing=active,
            direction="moved",
            start=moment(run.start),
            end=moment(run.end),
            n=run.n,
            value=abs(newest.mean) if active else abs(run.mean),
            expected=0.0,
            threshold=threshold,
            effect=abs(newest.mean) / threshold,
            detail=_sentence(newest.mean, spec) if active else "",
        )


def _closed(gap: GapState, clock: float) -> Iterator[tuple[ErrorRun, ErrorRun]]:
    return zip(gap.gaps.close(clock), gap.variances.close(clock), strict=True)


def _alpha(times: int) -> float:
    """The share of one more, after so many times; all of them together have α."""
    return ALPHA / ((times + 1) * (times + 2))


def _sentence(gap: float, spec: ModelSpec) -> str:
    name = "mean absolute error" if spec.task == "regression" else "error rate"
    side = "higher" if gap > 0.0 else "lower"
    return f"By labels the {name} is {abs(gap):.4g} {side} than was foretold: do not trust the estimates."
