"""Labels that contradict what was foretold of them are noticed, and labels that do not are left alone."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Contradiction, Finding
from monitor_stream.events.spec import DAY, DriftRules, ErrorScale, Estimator, ModelSpec
from monitor_stream.judge.errors_in_order import Pairs
from monitor_stream.judge.estimates import contradiction
from monitor_stream.judge.estimates.contradiction import ALPHA, ContradictionWatch
from monitor_stream.judge.estimates.gap_scale import GapScale
from monitor_stream.judge.estimates.mixture import Mixture
from monitor_stream.judge.estimates.starts import KEPT, Starts
from monitor_stream.judge.persist import Journal, fields

DAILY = 600
START = 1_362_096_000.0  # a midnight
RATE = 0.2
SPEC = ModelSpec(
    model="m",
    version="1",
    task="binary",
    error_scale=ErrorScale(RATE, 0.4, 0.0, 60),
    estimator=Estimator(gap=ErrorScale(0.0, 0.4, 0.0, 60), rows=50_000),
)


def times(count: int) -> Floats:
    """Pairs come evenly over the day."""
    at: Floats = START + np.arange(count, dtype=np.float64) * (DAY / DAILY)
    return at


def stream(*rates: float, seed: int = 0) -> Pairs:
    """A day of errors at each rate, of all of which the usual rate was foretold."""
    n = len(rates) * DAILY
    error = np.random.default_rng(seed).random(n) < np.repeat(rates, DAILY)
    return Pairs(times(n), error.astype(float), np.full(n, RATE))


def run(
    pairs: Pairs, spec: ModelSpec = SPEC, *, step: float = DAY
) -> tuple[ContradictionWatch, list[Finding]]:
    watch, found = ContradictionWatch("m", "1", Journal({})), []
    for clock in np.arange(START + step, pairs.order[-1] + 2 * step, step):
        here = (pairs.order >= clock - step) & (pairs.order < clock)
        found += watch.advance(pairs.at(here), float(clock), spec)
    return watch, found


def test_a_gap_is_told_and_forgotten_when_it_is_over() -> None:
    """Ten good days, ten with more errors than were foretold, ten good days: active within days, and over within days."""
    watch, found = run(stream(*[RATE] * 10, *[0.3] * 10, *[RATE] * 10))
    firing = [(finding.end.timestamp() - START) / DAY for finding in found if finding.firing]
    assert 11 <= firing[0] <= 15
    assert 20 <= firing[-1] <= 24
    assert firing == list(np.arange(firing[0], firing[-1] + 1))
    first = next(finding for finding in found if finding.firing)
    assert (first.signal, first.severity, first.n) == ("contradiction", "warning", DAILY)
    assert first.effect > 1.0
    assert "higher than was foretold" in first.detail
    document = watch.document()
    assert isinstance(document, Contradiction)
    assert (document.active, document.times, document.seen) == (False, 1, 30 * DAILY)
    assert document.labels == firing[0] * DAILY
    begin, end = START + firing[0] * DAY, START + (firing[-1] + 1) * DAY
    assert [watch.at(time) for time in (begin - 1, begin, end - 1, end)] == [False, True, True, False]


def test_fewer_errors_than_foretold_contradict_too() -> None:
    """An estimate that is too dark is as wrong as one that is too bright."""
    watch, found = run(stream(*[0.05] * 5))
    assert found[-1].firing
    assert "lower than was foretold" in found[-1].detail
    document = watch.document()
    assert document is not None
    assert document.active
    assert document.low < document.gap < document.high < 0.0


def test_it_comes_back() -> None:
    """A second contradiction is told like the first."""
    watch, _ = run(stream(*[0.35] * 6, *[RATE] * 10, *[0.35] * 6))
    document = watch.document()
    assert document is not None
    assert (document.active, document.times) == (True, 2)


def test_a_gap_within_the_reference_own_is_none() -> None:
    """Where the reference's own gap is .05, .05 on the stream is no news; without that it is."""
    gap = ErrorScale(0.05, 0.4, 0.0, 60)
    biased = msgspec.structs.replace(SPEC, estimator=Estimator(gap=gap, rows=50_000))
    assert not any(finding.firing for finding in run(stream(*[0.25] * 40), biased)[1])
    assert run(stream(*[0.25] * 40))[1][-1].firing


def test_days_that_differ_on_the_reference_differ_on_the_stream() -> None:
    """What one day in ten is off by on the reference contradicts nothing; without that spread it would."""
    rates = np.clip(np.random.default_rng(1).normal(RATE, 0.05, 120), 0.0, 1.0)
    gap = ErrorScale(0.0, 0.4, 0.05, 60)
    restless = msgspec.structs.replace(SPEC, estimator=Estimator(gap=gap, rows=50_000))
    assert not any(finding.firing for finding in run(stream(*rates), restless)[1])
    assert any(finding.firing for finding in run(stream(*rates))[1])


def test_an_unknown_spread_is_learned_from_the_stream() -> None:
    """A reference without spans is believed to differ by a tenth of its error, until the stream has shown what it does."""
    unknown = msgspec.structs.replace(SPEC, estimator=Estimator(rows=50_000))
    scale = GapScale.of(unknown)
    assert scale is not None
    assert scale.apart([], 0.0) > 0.1 * RATE
    assert not any(finding.firing for finding in run(stream(*[RATE + 0.02] * 10), unknown)[1])
    watch, found = run(stream(*[RATE] * 25, *[0.35] * 10), unknown)
    assert [finding.firing for finding in found[:25]] == [False] * 25
    assert found[-1].firing
    assert watch._gap is not None
    assert watch._gap.scale.is_measured
    assert watch._gap.runs == []


def test_a_regression_is_followed_in_its_own_unit() -> None:
    """Absolute errors that are twice as large as foretold are noticed, and one absurd error is not."""
    spec = msgspec.structs.replace(
        SPEC,
        task="regression",
        error_scale=ErrorScale(30.0, 25.0, 0.0, 60),
        estimator=Estimator(gap=ErrorScale(0.0, 25.0, 0.0, 60), rows=5_000),
    )
    n = 10 * DAILY
    error = np.random.default_rng(0).exponential(30.0, n)
    pairs = Pairs(times(n), error, np.full(n, 30.0))
    assert not any(finding.firing for finding in run(pairs, spec)[1])
    absurd = pairs._replace(error=np.where(np.arange(n) == 900, 1e9, error))
    assert not any(finding.firing for finding in run(absurd, spec)[1])
    assert run(pairs._replace(error=2.0 * error), spec)[1][-1].firing


def test_pairs_of_which_nothing_was_foretold_are_not_looked_at() -> None:
    """A model without an estimator, or events without a score, contradict nothing and say nothing."""
    pairs = stream(*[0.9] * 5)
    nothing = pairs._replace(foretold=np.full(len(pairs.order), math.nan))
    watch, found = run(nothing)
    assert (found, watch.document()) == ([], None)
    watch, found = run(pairs, msgspec.structs.replace(SPEC, estimator=None))
    assert (found, watch.document()) == ([], None)


def test_another_estimator_begins_anew() -> None:
    """What contradicted the old estimator says nothing of the new one; when it did, is remembered."""
    watch, _ = run(stream(*[0.4] * 5))
    assert watch.at(START + 5 * DAY)
    later = stream(*[RATE] * 2)
    later = later._replace(order=later.order + 10 * DAY)
    renewed = msgspec.structs.replace(SPEC, drift=DriftRules(span_seconds=3600.0 * 12))
    assert not any(finding.firing for finding in watch.advance(later, START + 12 * DAY, renewed))
    assert watch.at(START + 5 * DAY)
    assert not watch.at(START + 10 * DAY)
    document = watch.document()
    assert document is not None
    assert not document.active


RATES = st.lists(st.sampled_from([0.1, RATE, 0.45]), min_size=1, max_size=12)


@settings(max_examples=15)
@given(RATES, st.integers(0, 9), st.data())
def test_the_same_whatever_the_batches_and_restarts(
    rates: list[float], seed: int, data: st.DataObject
) -> None:
    """Findings, document and periods follow from the pairs alone."""
    pairs = stream(*rates, seed=seed)
    watch, expected = run(pairs)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs.order)), max_size=5)))
    state: dict[str, bytes] = {}
    found: list[Finding] = []
    again = watch
    for first, last in zip([0, *cuts], [*cuts, len(pairs.order)], strict=True):
        journal = Journal(state)
        again = ContradictionWatch("m", "1", journal)
        for _, _, blob in fields(state):
            again.restore(blob)
        clock = START + len(rates) * DAY + DAY if last == len(pairs.order) else float(pairs.order[last])
        found += again.advance(pairs.at(slice(first, last)), clock, SPEC)
        state |= journal.take().puts
    assert found == expected
    assert again.document() == watch.document()
    assert again._history == watch._history


def test_the_bounds_of_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand spans leave some hundred places, the first among them; old times of contradiction are forgotten."""
    starts = Starts()
    for _ in range(1000):
        starts.add(0.0, 1.0)
    places = [at for at, _ in starts.places]
    assert places[0] == 1
    assert places[-KEPT:] == list(range(1001 - KEPT, 1001))
    assert len(places) < 8 * KEPT
    monkeypatch.setattr(contradiction, "MAX_PERIODS", 2)
    watch, _ = run(stream(*[*[0.5] * 4, *[RATE] * 8] * 3))
    assert len(watch._history.periods) == 2
    assert watch._history.times == 3


def test_a_mixture_is_that_of_all_values_at_once() -> None:
    """Its mean is the one weighted by precision, and its martingale is 1/α at the bounds, by numerical integration."""
    random = np.random.default_rng(0)
    values, variances = random.normal(0.5, 1.0, 20), random.uniform(0.5, 2.0, 20)
    sequence = Mixture(0.7)
    for value, variance in zip(values, variances, strict=True):
        sequence.add(value, variance)
    assert sequence.mean == pytest.approx(np.average(values, weights=1.0 / variances))
    shift = np.linspace(-12.0, 12.0, 100_001)
    prior = np.exp(-(shift**2) / 1.4) / math.sqrt(1.4 * math.pi)
    for bound in sequence.bounds(0.01):
        total, weight = ((values - bound) / variances).sum(), (1.0 / variances).sum()
        mixed = (np.exp(shift * total - shift**2 * weight / 2.0) * prior).sum() * (shift[1] - shift[0])
        assert mixed == pytest.approx(100.0, rel=1e-3)


def _ever(starts: Starts, values: Floats) -> bool:
    for value in values:
        starts.add(float(value), 1.0)
        if starts.strongest(ALPHA).certain > 0.0:
            return True
    return False


def test_an_independent_stream_contradicts_itself_seldom() -> None:
    """However long one looks: of 200 streams of independent spans about zero at most α ever leave it, all looks counted."""
    random = np.random.default_rng(7)
    wrong = sum(_ever(Starts(), random.normal(size=120)) for _ in range(200))
    assert wrong <= ALPHA * 200
    assert _ever(Starts(), random.normal(1.0, size=120))


def test_an_estimator_that_is_right_is_not_contradicted() -> None:
    """Wrong answers come as often as was foretold of each, at probabilities of all sizes: no stream of 40 is contradicted."""
    random = np.random.default_rng(3)
    n = 40 * DAILY
    for _ in range(40):
        foretold = random.beta(1.0, 4.0, n)
        error = (random.random(n) < foretold).astype(float)
        _, found = run(Pairs(times(n), error, foretold), step=40 * DAY)
        assert not any(finding.firing for finding in found)
