"""Which features a version leans on, against the reference's ranking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import ndcg_score

from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, Feature, ModelSpec
from monitor_stream.judge.attribution_drift import LEARNED, Attributions, ndcg, rank_correlation
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow

NAMES = ("distance", "hour", "carrier", "temp", "wind")
USUAL = (0.5, 0.25, 0.12, 0.08, 0.05)


def spec(importance: Sequence[float] | None = USUAL, **more: Any) -> ModelSpec:
    weights: Sequence[float | None] = importance or [None] * len(NAMES)
    features = [
        Feature(name=name, kind="numeric", importance=weight)
        for name, weight in zip(NAMES, weights, strict=True)
    ]
    return ModelSpec(model="m", task="binary", features=features, **more)


def day(at: int, means: Sequence[float], n: int = 1000) -> OpenWindow:
    """A closed day of n rows, whose attributions are of a heavy tail around these means."""
    random = np.random.default_rng(at)
    values = random.exponential(means, (n, len(means))) * random.choice([-1.0, 1.0], (n, len(means)))
    sums = Sums()
    rows = np.stack([np.full(len(means), float(n)), np.abs(values).sum(axis=0), values.sum(axis=0)], axis=1)
    sums.add("attributions", Rows(list(NAMES), rows))
    return OpenWindow(f"day {at}", int(at * DAY), DAY, sums)


def judged(days: Iterable[OpenWindow], which: ModelSpec | None = None) -> tuple[Attributions, list[Finding]]:
    attributions = Attributions("m", "1", Journal({}))
    return attributions, attributions.take(days, which or spec())


values = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=12)


@settings(max_examples=100)
@given(values)
def test_ndcg_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """With ties in either."""
    shares, gains = ({str(at): float(pair[side]) for at, pair in enumerate(pairs)} for side in (0, 1))
    if any(gains.values()):
        expected = ndcg_score([list(gains.values())], [list(shares.values())])
        assert ndcg(shares, gains) == pytest.approx(expected, abs=1e-9)
    else:
        assert ndcg(shares, gains) == 1.0


@settings(max_examples=100)
@given(values)
def test_the_rank_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    """With ties; none where one side has no order at all."""
    shares, gains = ({str(at): float(pair[side]) for at, pair in enumerate(pairs)} for side in (0, 1))
    found = rank_correlation(shares, gains)
    if len(set(shares.values())) > 1 and len(set(gains.values())) > 1:
        expected = spearmanr(list(shares.values()), list(gains.values())).statistic
        assert found == pytest.approx(float(expected), abs=1e-9)
    else:
        assert found is None


def test_a_model_that_leans_on_other_features_is_found() -> None:
    """From the first day on, with what it leaned on before and now."""
    attributions, found = judged(
        [*(day(at, USUAL) for at in range(12)), *(day(at, USUAL[::-1]) for at in range(12, 15))]
    )
    assert [finding.firing for finding in found] == [False] * (12 - LEARNED) + [True] * 3
    newest = attributions.newest
    assert newest is not None
    assert newest.drifted
    assert newest.ndcg is not None
    assert newest.ndcg < 0.7
    assert newest.rank_correlation == -1.0
    assert sum(newest.shares.values()) == pytest.approx(1.0)
    assert found[-1].n == 1000
    assert found[-1].effect > 2.0
    assert found[-1].detail.startswith("the model leans on other features than usual: ")
    assert "distance 50% → 5%" in found[-1].detail


@pytest.mark.parametrize("importance", [USUAL, None], ids=["importance", "learned"])
@pytest.mark.parametrize("n", [500, 2000])
def test_noise_is_no_drift(importance: Sequence[float] | None, n: int) -> None:
    """Many days on which nothing changed, with rows of heavy tails and a weather of their own."""
    weather = np.random.default_rng(3).lognormal(0.0, 0.15, (300, len(NAMES)))
    days = (day(at, np.array(USUAL) * weather[at], n) for at in range(300))
    _, found = judged(days, spec(importance))
    assert len(found) == 300 - LEARNED
    assert not any(finding.firing for finding in found)


def test_a_ranking_unlike_the_specs_from_the_start_is_usual() -> None:
    """Permutation importance and attributions need not agree: what counts is that they agree as they did."""
    other = (0.12, 0.5, 0.25, 0.05, 0.08)
    attributions, found = judged(day(at, other) for at in range(20))
    assert attributions.newest is not None
    assert attributions.newest.ndcg is not None
    assert attributions.newest.ndcg < 0.9
    assert not any(finding.firing for finding in found)


def test_without_importance_the_first_runs_are_the_reference() -> None:
    """Until they are over, nothing can be compared; shares are shown from the first day on."""
    attributions, _ = judged([day(0, USUAL)], spec(None))
    assert attributions.newest is not None
    assert attributions.newest.not_computable
    assert attributions.newest.shares
    days = [*(day(at, USUAL) for at in range(LEARNED)), day(LEARNED, USUAL[::-1])]
    _, found = judged(days, spec(None))
    assert [finding.firing for finding in found] == [True]


def test_days_with_few_rows_are_judged_together() -> None:
    """As many as hold enough; a day without attributions says nothing."""
    attributions, _ = judged(
        [day(0, USUAL, 200), OpenWindow("", int(DAY), DAY, Sums()), day(2, USUAL, 200), day(3, USUAL, 200)]
    )
    assert attributions.newest is not None
    assert attributions.newest.n == 600
    assert (attributions.newest.end - attributions.newest.start).total_seconds() == 4 * DAY


def test_another_importance_begins_anew() -> None:
    """What was usual under the former spec is not under the new one."""
    attributions, _ = judged(day(at, USUAL) for at in range(10))
    assert attributions.take([day(10, USUAL[::-1])], spec(USUAL[::-1])) == []
    assert attributions.newest is not None
    assert not attributions.newest.drifted
    assert attributions.newest.ndcg == pytest.approx(1.0)


def test_a_restart_changes_nothing() -> None:
    """Restored after every day, the same is found."""
    days = [day(at, USUAL if at < 20 else USUAL[::-1], 300) for at in range(30)]
    _, expected = judged(days)
    found, state = list[Finding](), b""
    for each in days:
        journal = Journal({})
        attributions = Attributions("m", "1", journal)
        if state:
            attributions.restore(state)
        found += attributions.take([each], spec())
        state = next(data for name, data in journal.take().puts.items() if "attribution" in name)
    assert found == expected
    assert any(finding.firing for finding in found)
