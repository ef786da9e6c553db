"""Champion and challenger: how often equals are told apart that are looked at every day, and how long a difference takes.

`section` shows the whole study (some seconds); `false_positives` and `delays` give its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from loadtest.evaluation.document import Section, Table
from monitor_stream.events.delta import Floats
from monitor_stream.judge.comparison.confidence import Sums, asymptotic_bound, exact_bound, interval

ALPHA: Final = 0.05
STREAMS: Final = 1_000
SPANS: Final = 90
#: Pairs a span, or predictions of each version.
PER_SPAN: Final = 1_000
#: Of a rate of errors of 20 %, or of the mean absolute error.
EFFECTS: Final = (0.01, 0.02, 0.05)
_RATE: Final = 0.2
#: Versions disagree on one in ten.
_DISAGREE: Final = 0.1
_FEW: Final = 20


class Weather(NamedTuple):
    """How much better one version is on some days than on others, by chance: standard deviation, and correlation with the next."""

    name: str
    spread: float = 0.0
    lasting: float = 0.0


INDEPENDENT: Final = Weather("independent")
WEATHERS: Final = (
    INDEPENDENT,
    Weather("days differ by 2 points", 0.02),
    Weather("by 2 points, and half of it lasts to the next day", 0.02, 0.5),
)


class Spans(NamedTuple):
    """What the spans of many streams tell: weights, mean differences, and squares (see `Difference`); shape (streams, spans).
    `variance` is that of a span's mean, were its errors independent.
    """

    weight: Floats
    effect: Floats
    squares: Floats
    variance: Floats
    predictions: int  # of each version, a span


#: Streams in which the challenger's error is higher by so much in each span: shape (streams, spans).
Draw = Callable[[Floats], Spans]


def sums(spans: Spans) -> Sums:
    """The sums after every span."""
    weight, total = spans.weight, spans.weight * spans.effect
    before, total_before = (np.pad(part, ((0, 0), (1, 0)))[:, :-1] for part in (weight, total))
    spread = np.stack([total * total, weight * total, weight * weight])
    lagged = np.stack([total * total_before, (weight * total_before + before * total) / 2, weight * before])
    parts = (np.ones_like(weight), weight, total, spans.squares, spread, lagged)
    return Sums(*(part.cumsum(-1) for part in parts))


def weather(kind: Weather, rng: np.random.Generator) -> Floats:
    """What chance adds to each span; shape (streams, spans)."""
    fresh = rng.standard_normal((STREAMS, SPANS))
    for at in range(1, SPANS):
        fresh[:, at] = kind.lasting * fresh[:, at - 1] + np.sqrt(1.0 - kind.lasting**2) * fresh[:, at]
    return kind.spread * fresh


def pairs_of_bits(n: int, rng: np.random.Generator) -> Draw:
    """0/1 errors of n ids that both answered."""

    def draw(push: Floats) -> Spans:
        shift = np.clip(push, -_DISAGREE, _DISAGREE)
        worse = rng.binomial(n, (_DISAGREE + shift) / 2)
        better = rng.binomial(n - worse, (_DISAGREE - shift) / 2 / (1 - (_DISAGREE + shift) / 2))
        effect, squares = (worse - better) / n, (worse + better).astype(float)
        return Spans(np.full(push.shape, float(n)), effect, squares, (squares / n - effect**2) / n, n)

    return draw


def bits(n: int, rng: np.random.Generator) -> Draw:
    """0/1 errors of n predictions of each version; how hard a day was is the same for both."""

    def draw(push: Floats) -> Spans:
        hard = _RATE + 0.05 * rng.uniform(-1.0, 1.0, push.shape)
        ours, theirs = (rng.binomial(n, np.clip(rate, 0, 1)).astype(float) for rate in (hard + push, hard))
        return _unpaired(n, (ours, ours), (theirs, theirs))

    return draw


class Moments(NamedTuple):
    """Sums of the absolute errors of a challenger and a champion in each span, of their squares, and of their product."""

    ours: Floats
    theirs: Floats
    ours2: Floats
    theirs2: Floats
    product: Floats


def moments(n: int, rng: np.random.Generator, *, paired: bool) -> Moments:
    """Absolute errors of two equal versions: half normal, those of one id half made of what both do not know."""
    found = []
    for _ in range(SPANS):
        ours, theirs = rng.standard_normal((2, STREAMS, n), np.float32)
        if paired:
            common = rng.standard_normal((STREAMS, n), np.float32)
            ours, theirs = (common + ours) / np.sqrt(2), (common + theirs) / np.sqrt(2)
        ours, theirs = np.abs(ours), np.abs(theirs)
        found.append([part.sum(-1, np.float64) for part in (ours, theirs, ours**2, theirs**2, ours * theirs)])
    return Moments(*np.moveaxis(np.array(found), 0, -1))


def pairs_of_sizes(n: int, known: Moments) -> Draw:
    """Absolute errors of n ids that both answered; the challenger's are larger by a share."""

    def draw(push: Floats) -> Spans:
        by = 1.0 + push
        effect = (by * known.ours - known.theirs) / n
        squares = by**2 * known.ours2 - 2 * by * known.product + known.theirs2
        return Spans(np.full(push.shape, float(n)), effect, squares, (squares / n - effect**2) / n, n)

    return draw


def sizes(n: int, known: Moments) -> Draw:
    """Absolute errors of n predictions of each version; the challenger's are larger by a share."""

    def draw(push: Floats) -> Spans:
        by = 1.0 + push
        return _unpaired(n, (by * known.ours, by**2 * known.ours2), (known.theirs, known.theirs2))

    return draw


def _unpaired(n: int, ours: tuple[Floats, Floats], theirs: tuple[Floats, Floats]) -> Spans:
    """From sums and sums of squares of both; the squares are about the means of the spans before, and the first counts for nothing."""
    squares, variance = np.zeros_like(ours[0]), np.zeros_like(ours[0])
    for total, square in (ours, theirs):
        seen = n * np.arange(1, SPANS + 1)
        centre = np.pad(total.cumsum(-1) / seen, ((0, 0), (1, 0)))[:, :-1]
        squares += (square - 2 * centre * total + n * centre**2) / 4
        variance += (square / n - (total / n) ** 2) / n
    counts = np.arange(SPANS) > 0
    weight = np.full(squares.shape, n / 2.0) * counts
    return Spans(weight, (ours[0] - theirs[0]) / n, squares * counts, variance, n)


Found = npt.NDArray[np.bool_]


class Decisions(NamedTuple):
    """Whether a difference was found after each span, one row a stream: by our test, by our test without the spread of spans, and
    by a t-test of all errors so far that takes them for independent.
    """

    ours: Found
    without_spans: Found
    t_test: Found


def decide(spans: Spans, *, bounded: bool) -> Decisions:
    """Look after every span."""
    known = sums(spans)
    # The first span of two versions that are not paired counts for nothing.
    first = int(np.argmax(known.weight[0] > 0))
    later = Sums(*(part[..., first:] for part in known))
    later = later._replace(spans=later.spans - first)
    low, high = interval(later, ALPHA, bounded=bounded)
    bound = (
        exact_bound(later.squares, ALPHA) if bounded else asymptotic_bound(later.squares, later.weight, ALPHA)
    )
    differs = spans.variance.cumsum(-1) > 0
    z = spans.effect.cumsum(-1) / np.sqrt(np.where(differs, spans.variance.cumsum(-1), 1.0)) * differs
    ours, alone = (low > 0) | (high < 0), np.abs(later.total) > bound
    pad = ((0, 0), (first, 0))
    return Decisions(np.pad(ours, pad), np.pad(alone, pad), np.abs(z) > 1.96)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How many of so many streams in which nobody was better were ever decided."""

    errors: str
    paired: bool
    n: int
    weather: str
    ours: float
    without_spans: float
    t_daily: float
    t_once: float


def _draws(seed: int) -> Iterator[tuple[str, bool, int, Draw]]:
    rng = np.random.default_rng(seed)
    yield "0/1", True, PER_SPAN, pairs_of_bits(PER_SPAN, rng)
    yield "0/1", True, _FEW, pairs_of_bits(_FEW, rng)
    yield "0/1", False, PER_SPAN, bits(PER_SPAN, rng)
    for n in (PER_SPAN, _FEW):
        yield "absolute", True, n, pairs_of_sizes(n, moments(n, rng, paired=True))
    yield "absolute", False, PER_SPAN, sizes(PER_SPAN, moments(PER_SPAN, rng, paired=False))


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """How many spans a difference took, over the streams: median and 90th percentile, infinite where most were not decided.

    `planned` is how many predictions a t-test takes that is planned for just this effect, at 90 % power, and looked at once.
    """

    errors: str
    paired: bool
    weather: str
    effect: float
    median: float
    late: float
    n: int
    wrong: float
    planned: float


def study(seed: int = 0) -> tuple[list[Rate], list[Delay]]:
    """False positives of equals, and delays of a challenger that is better."""
    rng = np.random.default_rng([seed, 1])
    rates, delays = [], []
    for errors, paired, n, draw in _draws(seed):
        bounded = errors == "0/1"
        for kind in WEATHERS:
            found = decide(draw(weather(kind, rng)), bounded=bounded)
            rates.append(
                Rate(
                    errors=errors,
                    paired=paired,
                    n=n,
                    weather=kind.name,
                    ours=_ever(found.ours),
                    without_spans=_ever(found.without_spans),
                    t_daily=_ever(found.t_test),
                    t_once=float(found.t_test[:, -1].mean()),
                )
            )
        if n == PER_SPAN:
            delays += [
                _delay(draw, errors, kind, effect, rng, paired=paired)
                for kind in WEATHERS[:2]
                for effect in EFFECTS
            ]
    return rates, delays


def _ever(decided: Found) -> float:
    return float(decided.any(-1).mean())


def _delay(
    draw: Draw, errors: str, kind: Weather, effect: float, rng: np.random.Generator, *, paired: bool
) -> Delay:
    spans = draw(weather(kind, rng) - effect)
    decided = decide(spans, bounded=errors == "0/1").ours
    first = np.where(decided.any(-1), decided.argmax(-1) + 1.0, np.inf)
    at = np.minimum(first, SPANS).astype(int) - 1
    total = np.take_along_axis((spans.weight * spans.effect).cumsum(-1), at[:, None], -1)[:, 0]
    return Delay(
        errors=errors,
        paired=paired,
        weather=kind.name,
        effect=effect,
        median=float(np.quantile(first, 0.5, method="higher")),
        late=float(np.quantile(first, 0.9, method="higher")),
        n=spans.predictions,
        wrong=float((decided.any(-1) & (total > 0)).mean()),
        planned=float(
            (1.96 + 1.28) ** 2 * spans.variance.mean() * spans.predictions / spans.effect.mean() ** 2
        ),
    )


def section() -> Section:
    """The part of the page."""
    rates, delays = study()
    part = Section("7. Which version errs less")
    part.add(
        f"Simulated champions and challengers, {STREAMS:,} streams of {SPANS} days each: {PER_SPAN:,} pairs a day (or predictions "
        f"of each version), or {_FEW}. The error rate is {_RATE:.0%}, versions disagree on {_DISAGREE:.0%} of the ids; absolute errors are half "
        "normal. Everybody looks after every day and stops at the first decision.",
        f"**Nobody is better.** How many streams are decided all the same, of which α = {ALPHA:g} allows {ALPHA:.0%}. *Without the "
        "days* is the same confidence sequence with every pair taken for independent, *t-test* a test of all errors so far at the same α.",
        Table(
            [
                "errors",
                "compared by",
                "a day",
                "days",
                "monitor-stream",
                "without the days",
                "t-test, daily",
                "t-test, once, at the end",
            ],
            [
                [
                    r.errors,
                    _by(r.paired),
                    r.n,
                    r.weather,
                    *map(_percent, (r.ours, r.without_spans, r.t_daily, r.t_once)),
                ]
                for r in rates
            ],
        ),
        _worst(rates),
        "**The challenger is better** by 1, 2 and 5 points of the error rate, or by 1, 2 and 5 % of the mean absolute error: days until "
        "it is said so, and predictions of each version by then. A dash: not within the days that were simulated. *Planned* is a t-test for just this effect, looked at once (90 % power): "
        "what one could do who knew the effect before, and knew that days do not differ.",
        Table(
            [
                "errors",
                "compared by",
                "days",
                "effect",
                "days to decide, median",
                "90 %",
                "predictions, median",
                "planned",
                "decided the wrong way",
            ],
            [
                [
                    d.errors,
                    _by(d.paired),
                    d.weather,
                    _effect(d),
                    _days(d.median),
                    _days(d.late),
                    _predictions(d),
                    round(d.planned),
                    _percent(d.wrong),
                ]
                for d in delays
            ],
        ),
    )
    return part


def _by(paired: bool) -> str:
    return "pairs" if paired else "spans"


def _effect(delay: Delay) -> str:
    if delay.errors == "absolute":
        return f"{delay.effect:.0%}"
    return f"{delay.effect * 100:g} {'point' if delay.effect == EFFECTS[0] else 'points'}"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _days(days: float) -> object:
    return int(days) if np.isfinite(days) else "–"


def _predictions(delay: Delay) -> object:
    return int(delay.median * delay.n) if np.isfinite(delay.median) else "–"


def _worst(rates: Sequence[Rate]) -> str:
    worst = max(rates, key=lambda rate: rate.ours)
    return f"The highest of {len(rates)} rates is {worst.ours:.1%}, that of the daily t-test {max(r.t_daily for r in rates):.0%}."
