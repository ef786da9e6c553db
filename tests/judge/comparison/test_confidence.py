"""The confidence sequence: what it is by definition, and that it may be looked at any time."""

import math

import numpy as np
import pytest
from scipy import integrate

from monitor_stream.events.delta import Floats
from monitor_stream.judge.comparison import confidence
from monitor_stream.judge.comparison.confidence import (
    Difference,
    Evidence,
    Sums,
    asymptotic_bound,
    exact_bound,
)

ALPHA = 0.05


def evidence(spans: list[Difference]) -> Evidence:
    found = Evidence()
    for span in spans:
        found.add(span)
    return found


def running(weight: Floats, effect: Floats, squares: Floats) -> Sums:
    """The sums after every span; shape (streams, spans)."""
    total = weight * effect
    before, total_before = (np.pad(part, ((0, 0), (1, 0)))[:, :-1] for part in (weight, total))
    spread = [total * total, weight * total, weight * weight]
    lagged = [total * total_before, (weight * total_before + before * total) / 2.0, weight * before]
    ones = np.ones_like(weight)
    one_by_one = [ones, weight, total, squares, np.stack(spread), np.stack(lagged)]
    return Sums(*(part.cumsum(-1) for part in one_by_one))


@pytest.mark.parametrize("squares", [0.0, 3.0, 80.0, 900.0])
@pytest.mark.parametrize("alpha", [0.05, 0.0025])
def test_the_exact_bound_is_where_the_mixture_reaches_its_level(squares: float, alpha: float) -> None:
    """Integrated over the gamma density of l, exp(l s - psi(l) v) is 2/alpha at the bound."""
    bound = float(exact_bound(np.array(squares), alpha))
    twice = 2.0 * math.log(1.0 / alpha)
    rho = 500.0 / (twice + math.log1p(twice))

    def density(rate: float) -> float:
        return math.exp((rho - 1.0) * math.log1p(-rate) - rho * (1.0 - rate))

    def mixed(rate: float) -> float:
        return density(rate) * math.exp(rate * bound + (math.log1p(-rate) + rate) * squares)

    whole, _ = integrate.quad(density, 0.0, 1.0, points=[0.05, 0.2])
    found, _ = integrate.quad(mixed, 0.0, 1.0, points=[0.05, 0.2])
    assert found / whole == pytest.approx(2.0 / alpha, rel=1e-4)


def test_the_bound_of_spans_is_where_their_mixture_reaches_its_level() -> None:
    """Over normal means in units of an unknown standard deviation, the likelihood ratio of the spans is 1/alpha at both ends."""
    rng = np.random.default_rng(3)
    effects = rng.normal(0.4, 1.0, 12)
    found = evidence([Difference(1.0, effect, 1e-9) for effect in effects.tolist()])
    low, high = found.interval(ALPHA, bounded=False)
    sigma = np.exp(np.linspace(-3.0, 3.0, 301))[:, None]
    delta = np.linspace(-30.0, 30.0, 6_001)[None, :]
    prior = np.exp(-0.5 * 0.1 * delta**2)
    centred = effects - effects.mean()
    lagged = float(centred[1:] @ centred[:-1]) / float(centred @ centred)
    r = (12 * lagged + 1.0 + 4.0) / 22.0 + 1.0 / math.sqrt(22.0)
    stretch = (1.0 + r) / (1.0 - r)
    for mu in (low, high):
        x = effects - mu
        v, s = float(x @ x) + (stretch - 1.0) * float(centred @ centred), float(x.sum())
        log_likelihood = -12.0 * np.log(sigma) - (
            v - 2.0 * delta * sigma * s + 12.0 * (delta * sigma) ** 2
        ) / (2.0 * sigma**2)
        null = np.exp(-12.0 * np.log(sigma) - v / (2.0 * sigma**2)).sum()
        mixture = (np.exp(log_likelihood) * prior).sum() / prior.sum()
        assert mixture / null == pytest.approx(1.0 / ALPHA, rel=1e-3)


def test_many_comparisons_at_once_are_as_one_by_one() -> None:
    """Arrays give the intervals that spans give one after the other."""
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 900, (3, 25)).astype(float)
    effect, squares = rng.normal(-0.1, 0.1, (3, 25)), weight * rng.uniform(0.05, 0.3, (3, 25))
    for bounded in (True, False):
        low, high = confidence.interval(running(weight, effect, squares), ALPHA, bounded=bounded)
        for row in range(3):
            spans = [Difference(*each) for each in zip(weight[row], effect[row], squares[row], strict=True)]
            for upto in range(1, 26):
                one = evidence(spans[:upto]).interval(ALPHA, bounded=bounded)
                assert one == pytest.approx((low[row, upto - 1], high[row, upto - 1]), rel=1e-9)


def test_few_pairs_of_few_days_decide_nothing() -> None:
    """Nothing is excluded in the first days, and ten pairs that all speak for one version are not enough either."""
    assert Evidence().interval(ALPHA, bounded=True) == (-math.inf, math.inf)
    alike = evidence([Difference(10_000.0, -0.2, 3_000.0)] * 2)
    assert alike.interval(ALPHA, bounded=True) == (-math.inf, math.inf)
    few = evidence([Difference(1.0, -1.0, 1.0)] * 10)
    low, high = few.interval(ALPHA, bounded=True)
    assert low < -1.0
    assert high > 0.0


def test_versions_that_never_differ_are_alike_by_as_much_as_was_looked_at() -> None:
    """Without a single difference the interval of 0/1 errors is as wide as n allows, and that of absolute errors is empty."""
    same = evidence([Difference(1_000.0, 0.0, 0.0)] * 20)
    low, high = same.interval(ALPHA, bounded=True)
    assert -0.002 < low < -0.0005
    assert high == -low
    assert same.interval(ALPHA, bounded=False) == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("pairs", [5, 400])
@pytest.mark.parametrize("bounded", [True, False])
def test_looking_every_day_is_wrong_at_most_as_often_as_stated(pairs: int, *, bounded: bool) -> None:
    """Of 1,000 comparisons of equals, fewer than alpha ever exclude 0 in 60 days, whether pairs are independent or days are alike."""
    rng = np.random.default_rng(pairs)
    shape = (1_000, 60)
    weather = rng.normal(0.0, 0.02, shape)
    for push in (np.zeros(shape), weather):
        if bounded:
            plus = rng.binomial(pairs, np.clip(0.05 + push / 2.0, 0.0, 1.0))
            minus = rng.binomial(pairs - plus, np.clip(0.05 - push / 2.0, 0.0, 1.0) / 0.95)
            effect, squares = (plus - minus) / pairs, (plus + minus).astype(float)
        else:
            d = (
                rng.exponential(1.0, (*shape, pairs)) - rng.exponential(1.0, (*shape, pairs))
                if pairs < 10
                else None
            )
            mean = rng.normal(0.0, math.sqrt(2.0 / pairs), shape) if d is None else d.mean(-1)
            effect = mean + push
            squares = np.full(shape, 2.0 * pairs) if d is None else (d * d).sum(-1)
        sums = running(np.full(shape, float(pairs)), effect, squares)
        low, high = confidence.interval(sums, ALPHA, bounded=bounded)
        assert ((low > 0.0) | (high < 0.0)).any(-1).mean() < ALPHA


def test_the_asymptotic_bound_is_scale_free() -> None:
    """Errors in other units have an interval in other units."""
    one = asymptotic_bound(np.array(500.0), np.array(5_000.0), ALPHA)
    assert asymptotic_bound(np.array(500e6), np.array(5_000.0), ALPHA) == pytest.approx(1e3 * one)
