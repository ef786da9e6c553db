"""Differences between groups, their intervals, and verdicts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monitor_stream.judge.fairness.gaps import Limit, gap
from monitor_stream.judge.fairness.measures import Mean, Measure, Share


def of(**groups: Measure) -> dict[str, dict[str, Measure]]:
    return {"rate": groups}


def newcombe(x1: int, n1: int, x2: int, n2: int, level: float) -> tuple[float, float]:
    """Method 10 of Newcombe (1998), as the paper writes it."""
    (l1, u1), (l2, u2) = (
        stats.binomtest(x, n).proportion_ci(level, method="wilson") for x, n in ((x1, n1), (x2, n2))
    )
    p1, p2 = x1 / n1, x2 / n2
    return (
        p1 - p2 - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2),
        p1 - p2 + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2),
    )


def test_newcombes_own_example() -> None:
    """Table II of the paper: 56 of 70 against 48 of 80 is 0.2, in [0.0524, 0.3339]."""
    found = gap("x", of(a=Share(56, 70), b=Share(48, 80)), Limit(0.1))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (found.highest, found.lowest, found.metric) == ("a", "b", "rate")
    assert found.difference == pytest.approx(0.2)
    assert found.ratio == pytest.approx(0.75)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_two_rates_have_newcombes_interval(n1: int, n2: int, p1: float, p2: float) -> None:
    """Of any two counts, the higher rate first; within [-1, 1], holding the difference."""
    x1, x2 = round(n1 * p1), round(n2 * p2)
    found = gap("x", of(a=Share(x1, n1), b=Share(x2, n2)), Limit(0.1))
    assert found is not None
    first = (x1, n1, x2, n2) if x1 / n1 >= x2 / n2 else (x2, n2, x1, n1)
    assert (found.low, found.high) == pytest.approx(newcombe(*first, level=0.95), abs=1e-9)
    assert -1.0 <= found.low <= found.difference <= found.high <= 1.0


def test_the_interval_is_widened_for_the_number_of_pairs() -> None:
    """Of four groups there are six pairs: the largest difference is held as if one of 99.17 % had been asked for."""
    shares = {name: Share(50 + 10 * index, 200) for index, name in enumerate("abcd")}
    found = gap("x", {"rate": shares}, Limit(0.1))
    assert found is not None
    assert (found.highest, found.lowest) == ("d", "a")
    assert (found.low, found.high) == pytest.approx(newcombe(80, 200, 50, 200, 1.0 - 0.05 / 6.0))


def test_means_differ_by_the_normal_interval() -> None:
    """The standard errors of two means add in squares, and there is no ratio."""
    found = gap("bias", of(a=Mean(3.0, 0.3, 500), b=Mean(1.0, 0.4, 500)), Limit(1.0))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((2.0 - 1.959964 * 0.5, 2.0 + 1.959964 * 0.5))
    assert found.ratio is None
    assert found.verdict == "unfair"


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (Share(600, 1000), Share(400, 1000), "unfair"),  # 0.2, surely above 0.1
        (Share(500, 1000), Share(490, 1000), "fair"),  # surely within
        (Share(550, 1000), Share(440, 1000), "too early to say"),  # 0.11, perhaps below
        (Share(6, 10), Share(2, 10), "too early to say"),
        (Share(0, 5000), Share(0, 5000), "fair"),
        (Share(20, 20), Share(2000, 2000), "too early to say"),  # the small group's rate may be far lower
    ],
)
def test_a_verdict_needs_the_whole_interval(first: Share, second: Share, verdict: str) -> None:
    """Unfair beyond the limit, fair within it on both sides, and else too early to say."""
    found = gap("x", of(a=first, b=second), Limit(0.1))
    assert found is not None
    assert found.verdict == verdict


def test_a_ratio_counts_where_it_is_asked_for() -> None:
    """One in a hundred against two is a small difference and half the chance: the four-fifths rule sees it."""
    rare = of(a=Share(400, 20_000), b=Share(200, 20_000))
    plain, ratio = gap("x", rare, Limit(0.1)), gap("x", rare, Limit(0.1, 0.8))
    assert plain is not None
    assert ratio is not None
    assert (plain.verdict, ratio.verdict) == ("fair", "unfair")
    few = gap("x", of(a=Share(4, 200), b=Share(2, 200)), Limit(0.1, 0.8))
    assert few is not None
    assert few.verdict == "too early to say"
    alike = gap("x", of(a=Share(5000, 10_000), b=Share(5010, 10_000)), Limit(0.1, 0.8))
    assert alike is not None
    assert alike.verdict == "fair"


def test_the_ratio_is_judged_as_a_bootstrap_would() -> None:
    """Where the four-fifths rule begins to say unfair, a bootstrap of the ratio has 97.5 % below four fifths."""
    rng = np.random.default_rng(0)
    verdicts = {}
    for count in range(200, 460, 5):
        found = gap("x", of(a=Share(600, 1200), b=Share(count, 1200)), Limit(1.0, 0.8))
        assert found is not None
        verdicts[count] = found.verdict
    last = max(count for count, verdict in verdicts.items() if verdict == "unfair")
    drawn = rng.binomial(1200, last / 1200, 100_000) / rng.binomial(1200, 0.5, 100_000)
    assert np.quantile(drawn, 0.975) == pytest.approx(0.8, abs=0.02)


def test_a_firm_verdict_comes_before_a_large_difference() -> None:
    """A small group far off decides nothing; a firmly unfair pair does, and is the one that is shown."""
    groups = of(small=Share(7, 10), large=Share(6000, 10_000), other=Share(4000, 10_000))
    found = gap("x", groups, Limit(0.1))
    assert found is not None
    assert (found.verdict, found.highest, found.lowest) == ("unfair", "large", "other")
    undecided = gap(
        "x", of(small=Share(9, 10), large=Share(5000, 10_000), other=Share(5010, 10_000)), Limit(0.1)
    )
    assert undecided is not None
    assert (undecided.verdict, undecided.highest) == ("too early to say", "small")


def test_the_worst_measure_is_named() -> None:
    """Equalised odds looks at two rates, and a multiclass task at as many as it has classes."""
    found = gap(
        "equalised_odds",
        {
            "true_positive_rate": {"a": Share(80, 100), "b": Share(78, 100)},
            "false_positive_rate": {"a": Share(10, 100), "b": Share(60, 100)},
        },
        Limit(0.1),
    )
    assert found is not None
    assert (found.metric, found.highest, found.lowest) == ("false_positive_rate", "b", "a")


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1)), min_size=2, max_size=6),
    st.permutations(range(6)),
)
def test_the_order_of_groups_does_not_matter(groups: list[tuple[int, float]], order: list[int]) -> None:
    """The same gap and verdict, however the groups were met."""
    shares = {str(index): Share(round(n * p), n) for index, (n, p) in enumerate(groups)}
    mixed = {str(index): shares[str(index)] for index in order if str(index) in shares}
    first, second = (gap("x", {"rate": each}, Limit(0.1, 0.8)) for each in (shares, mixed))
    assert first is not None
    assert second is not None
    assert (first.verdict, first.difference) == (second.verdict, second.difference)


def test_one_group_has_no_gap() -> None:
    """A difference needs two."""
    assert gap("x", of(a=Share(5, 10)), Limit(0.1)) is None
    assert gap("x", {}, Limit(0.1)) is None
