"""Where a mean difference lies, at any time one looks: a confidence sequence from the sums of spans.

There are two doubts, and each has a sequence of its own; the interval is the wider of the two, so it holds its level where
either of them does.

*Few pairs.* Differences of single pairs are taken for independent. For 0/1 errors the sequence is exact at any number of them:
with ``|d| <= 1``, ``exp(l (sum d - n mu) - psi(l) sum d²)`` is a supermartingale for every l in [0, 1), where
``psi(l) = -log(1 - l) - l`` (Fan, Grama and Liu, 2015; Howard, Ramdas, McAuliffe and Sekhon, 2021, theorem 4), and its gamma
mixture over l is their gamma-exponential boundary. For absolute errors, which nothing bounds, it is the asymptotic one of
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), theorem 2.2: right once the squares are near their mean.

*Few days.* Neighbouring predictions resemble each other, so ten thousand pairs of one storm are one observation. Here a span
is the unit: the spans' own spread, whatever made it, is what the mean is held against. With normal span means of unknown variance
the t-mixture is exact at any number of spans (Lai, 1976; Wang and Ramdas, 2025, with a normal prior on mean over standard
deviation). Spans that differ in size or spread make it wider, not wrong. A storm may last: by the correlation r of a span with the
next one the variance is stretched to ``(1 + r) / (1 - r)`` of it, where r is what the spans show and one standard error more, and
at first what is supposed. This part is no theorem; docs/evaluation.md measures it. Nothing is excluded before the third span.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np
from scipy import special

from monitor_stream.events.delta import Floats

#: The sum of squares, and the number of pairs, at which the sequence for few pairs is tightest: a day with 5,000 pairs, of which
#: one in ten differs. Far from it a sequence is a little wider, never wrong.
_TIGHTEST_SQUARES: Final = 500.0
_TIGHTEST_PAIRS: Final = 5_000.0
#: One over the variance that the t-mixture supposes of mean over standard deviation of spans: effects worth telling are
#: several times the spread of days.
_PRIOR_SPANS: Final = 0.1
#: The correlation of a span with the next one that is supposed at first, and how many spans that supposition is worth.
_SUPPOSED: Final = 0.4
_SUPPOSED_SPANS: Final = 10.0
_MOST_CORRELATED: Final = 0.9
#: Below so small a part of what they are made of, differences are rounding.
_ROUNDING: Final = 1e-12
#: Newton's steps to a bound; four are enough for seven digits.
_STEPS: Final = 8


#: The coefficients of ``a - 2 b mu + c mu²``.
Parabola = tuple[float, float, float]


class Difference(msgspec.Struct, frozen=True, array_like=True):
    """What one span has of a difference.

    `weight` is the number of pairs, `effect` their mean difference, `squares` the sum of their squared differences. Where nothing
    is paired, `weight` is ``n m / (n + m)``: as many pairs would say as much, if they were uncorrelated.
    """

    weight: float
    effect: float
    squares: float


class Sums(NamedTuple):
    """The sums of `Evidence` as arrays of one shape, an entry a comparison: `spread` and `lagged` are stacked along a first axis."""

    spans: Floats
    weight: Floats
    total: Floats
    squares: Floats
    spread: Floats
    lagged: Floats


class Evidence(msgspec.Struct, array_like=True):
    """Sums over spans, from which the interval follows.

    `total` is weight times effect. With y = weight (effect - mu) of a span, `spread` is the sum of y², `lagged` that of y times the
    next span's y. `last` is the last span.

    >>> evidence = Evidence()
    >>> for day in range(12):
    ...     evidence.add(Difference(weight=5000.0, effect=-0.025 + 0.005 * (day % 2), squares=500.0))
    >>> low, high = evidence.interval(0.05, bounded=True)
    >>> round(low, 3), round(evidence.effect, 4), round(high, 3)
    (-0.027, -0.0225, -0.018)
    """

    spans: int = 0
    weight: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    spread: Parabola = (0.0, 0.0, 0.0)
    lagged: Parabola = (0.0, 0.0, 0.0)
    last: Difference = Difference(0.0, 0.0, 0.0)

    def add(self, span: Difference) -> None:
        """Take in a span."""
        self.spans += 1
        self.weight += span.weight
        self.total += span.weight * span.effect
        self.squares += span.squares
        self.spread = _added(self.spread, products(span, span))
        self.lagged = _added(self.lagged, products(span, self.last))
        self.last = span

    @property
    def effect(self) -> float:
        """The mean difference over all pairs; 0 before there are any."""
        return self.total / self.weight if self.weight else 0.0

    def interval(self, alpha: float, *, bounded: bool) -> tuple[float, float]:
        """Where the mean difference lies, wrong with probability `alpha` at most, ever; infinite while too few spans are known.

        `bounded` says that errors are 0 or 1.
        """
        if not self.weight:
            return -math.inf, math.inf
        sums = (self.spans, self.weight, self.total, self.squares, self.spread, self.lagged)
        low, high = interval(Sums(*(np.array(part, np.float64) for part in sums)), alpha, bounded=bounded)
        return float(low), float(high)


def products(one: Difference, other: Difference) -> Parabola:
    """The coefficients of ``y y'`` of two spans; see `Evidence`."""
    weight = one.weight * other.weight
    return weight * one.effect * other.effect, weight * (one.effect + other.effect) / 2.0, weight


def interval(sums: Sums, alpha: float, *, bounded: bool) -> tuple[Floats, Floats]:
    """The intervals of many comparisons at once, where ``weight > 0``; see `Evidence.interval`."""
    bound = exact_bound if bounded else partial(asymptotic_bound, pairs=sums.weight)
    effect, off = sums.total / sums.weight, bound(sums.squares, alpha=alpha) / sums.weight
    low, high = by_spans(sums, alpha)
    return np.minimum(low, effect - off), np.maximum(high, effect + off)


def by_spans(sums: Sums, alpha: float) -> tuple[Floats, Floats]:
    """The interval of the t-mixture.

    A mean mu is excluded where the mixture reaches 1/alpha. With S the sum of the spans' y and V that of their squares that is
    ``b S² >= (b - 1) k V``, where ``k = spans + c`` and ``b = (k / (c alpha²))^(1/spans)``: quadratic in mu. What V has at its
    lowest is the spread of the spans, and is stretched.
    """
    k = sums.spans + _PRIOR_SPANS
    b = (k / (_PRIOR_SPANS * alpha**2)) ** (1.0 / sums.spans)
    apart = np.maximum(sums.spread[0] - sums.spread[1] ** 2 / sums.spread[2], 0.0)
    whole = np.stack([sums.total**2, sums.total * sums.weight, sums.weight**2])
    constant, linear, square = b * whole - (b - 1.0) * k * sums.spread
    constant = constant - (b - 1.0) * k * (_stretch(sums) - 1.0) * apart
    known = square > 0.0
    square = np.where(known, square, 1.0)
    root = np.sqrt(np.maximum(linear**2 - square * constant, 0.0))
    low, high = (linear - root) / square, (linear + root) / square
    return np.where(known, low, -np.inf), np.where(known, high, np.inf)


def _stretch(sums: Sums) -> Floats:
    """How many times the variance of independent spans theirs is."""
    effect = sums.total / sums.weight
    powers = np.stack([np.ones_like(effect), -2.0 * effect, effect * effect])
    spread, lagged = (powers * sums.spread).sum(0), (powers * sums.lagged).sum(0)
    differ = spread > _ROUNDING * sums.spread[0]
    # Measured about the mean of the same spans, it is on average 1/spans too small.
    shown = sums.spans * np.where(differ, lagged / np.where(differ, spread, 1.0), 0.0) + 1.0
    known = sums.spans + _SUPPOSED_SPANS
    r = (shown + _SUPPOSED_SPANS * _SUPPOSED) / known + 1.0 / np.sqrt(known)
    r = np.clip(r, 0.0, _MOST_CORRELATED)
    return np.asarray((1.0 + r) / (1.0 - r))


def _added(sums: Parabola, more: Parabola) -> Parabola:
    return sums[0] + more[0], sums[1] + more[1], sums[2] + more[2]


def exact_bound(squares: Floats, alpha: float) -> Floats:
    """What ``|sum d - n mu|`` exceeds with probability `alpha` at most, ever, where ``|d| <= 1``: the two-sided gamma-exponential
    mixture at ``squares = sum d²``.
    """
    rho = _TIGHTEST_SQUARES / (2.0 * math.log(1.0 / alpha) + math.log1p(2.0 * math.log(1.0 / alpha)))
    target = math.log(2.0 / alpha)
    shape = squares + rho
    leading = rho * math.log(rho) - special.gammaln(rho) - math.log(special.gammainc(rho, rho))
    leading = leading + special.gammaln(shape) + squares
    total = 2.0 * np.sqrt(2.0 * shape * (target + np.log1p(squares / rho))) + 2.0 * target
    for _ in range(_STEPS):
        # The logarithm of the mixture of ``exp(l total - psi(l) squares)`` (Howard et al., 2021, proposition 9). It is convex,
        # so that Newton's steps from above stay above.
        rate = total + shape
        below = special.gammainc(shape, rate)
        value = leading + np.log(below) - shape * np.log(rate) + total
        density = np.exp((shape - 1.0) * np.log(rate) - rate - special.gammaln(shape))
        total = total - (value - target) / (1.0 - shape / rate + density / below)
    return np.asarray(total)


def asymptotic_bound(squares: Floats, pairs: Floats, alpha: float) -> Floats:
    """What ``|sum d - n mu|`` exceeds with probability `alpha` at most, ever, once n is large."""
    rho2 = (-2.0 * math.log(alpha) + math.log(1.0 - 2.0 * math.log(alpha))) / _TIGHTEST_PAIRS
    wide = pairs * rho2 + 1.0
    return np.asarray(np.sqrt(squares / pairs * 2.0 * wide / rho2 * (0.5 * np.log(wide) - math.log(alpha))))
