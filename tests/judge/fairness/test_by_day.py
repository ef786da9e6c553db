"""How far days differ, and what that makes of an interval."""

import numpy as np
import pytest

from monitor_stream.judge.fairness.by_day import Day, stretch
from monitor_stream.judge.fairness.gaps import contrast
from monitor_stream.judge.fairness.measures import Mean, Share

Z = 1.959963984540054


def days_of(rng: np.random.Generator, days: int, spread: float, shared: float = 0.0) -> list[Day]:
    """Two groups of 200 a day at one half each, moved each by its own luck of the day, and both by a shared one."""
    found: list[Day] = []
    for _ in range(days):
        both = rng.normal(0.0, shared)
        rates = np.clip(0.5 + both + rng.normal(0.0, spread, 2), 0.01, 0.99)
        a, b = rng.binomial(200, rates)
        found.append({"a": {"rate": Share(a, 200)}, "b": {"rate": Share(b, 200)}})
    return found


def holds_zero(days: list[Day]) -> bool:
    totals = [Share(sum(day[g]["rate"].value * 200 for day in days), 200.0 * len(days)) for g in "ab"]
    low, high = contrast(totals[0].value, totals[0].interval(Z), totals[1].value, totals[1].interval(Z))
    middle = totals[0].value - totals[1].value
    wider = stretch(days, "rate", ("a", "b"), Z)
    return middle - wider * (middle - low) <= 0.0 <= middle + wider * (high - middle)


@pytest.mark.parametrize("spread", [0.0, 0.03, 0.15])
def test_the_interval_holds_the_difference_whatever_the_weather(spread: float) -> None:
    """Of 400 weeks of two groups that are alike in the long run, at least 92 of 100 intervals hold no difference."""
    rng = np.random.default_rng(int(spread * 100))
    assert np.mean([holds_zero(days_of(rng, 7, spread)) for _ in range(400)]) >= 0.92


def test_what_happens_to_both_is_no_reason_to_doubt() -> None:
    """A storm over all groups makes no interval wider."""
    rng = np.random.default_rng(5)
    alone = np.mean([stretch(days_of(rng, 10, 0.0), "rate", ("a", "b"), Z) for _ in range(100)])
    together = np.mean(
        [stretch(days_of(rng, 10, 0.0, shared=0.2), "rate", ("a", "b"), Z) for _ in range(100)]
    )
    apart = np.mean([stretch(days_of(rng, 10, 0.2), "rate", ("a", "b"), Z) for _ in range(100)])
    assert together < 1.2 * alone < apart


def test_few_days_and_constant_groups_say_nothing() -> None:
    """Fewer than three days on which both groups can be seen, or no variance at all: as wide as sampling makes it."""
    two = [{"a": {"rate": Share(d, 10)}, "b": {"rate": Share(1, 10)}} for d in (1, 9)]
    assert stretch(two, "rate", ("a", "b"), Z) == 1.0
    assert stretch([*two, {"a": {"rate": Share(5, 10)}}], "rate", ("a", "b"), Z) == 1.0
    constant = [{"a": {"rate": Share(0, 10)}, "b": {"rate": Share(10, 10)}}] * 5
    assert stretch(constant, "rate", ("a", "b"), Z) == 1.0
    assert stretch([], "rate", ("a", "b"), Z) == 1.0


def test_means_are_followed_by_day_as_rates_are() -> None:
    """Days whose mean gap swings make the interval of a mean wider, too."""
    swinging = [
        {"a": {"mae": Mean(2.0 + d, 0.1, 400)}, "b": {"mae": Mean(2.0 - d, 0.1, 400)}} for d in (-1, 1, -1, 1)
    ]
    steady = [{"a": {"mae": Mean(3.0, 0.1, 400)}, "b": {"mae": Mean(2.0, 0.1, 400)}}] * 4
    assert stretch(swinging, "mae", ("a", "b"), Z) > 10.0
    assert stretch(steady, "mae", ("a", "b"), Z) == 1.0
