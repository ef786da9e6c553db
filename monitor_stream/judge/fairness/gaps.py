"""The difference between two groups, and what it says against a limit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from scipy.special import ndtri

from monitor_stream.events.results import FairnessGap, FairnessVerdict
from monitor_stream.judge.fairness.by_day import Day, stretch
from monitor_stream.judge.fairness.measures import Measure, Share
from monitor_stream.judge.performance.intervals import Interval

#: A gap is called what it is not in at most so many of the looks at one criterion, over all its pairs of groups.
ALPHA: Final = 0.05

#: From the firmest verdict: one unfair pair makes a criterion unfair, one that is too early to tell keeps it from being fair.
_ORDER: Final[tuple[FairnessVerdict, ...]] = ("unfair", "too early to say", "fair")


class Limit(NamedTuple):
    """The largest difference that is fair, and the smallest ratio, where one counts."""

    difference: float
    ratio: float | None = None


#: What a group got, by the group's value, for each of the measures of a criterion.
ByMeasure = Mapping[str, Mapping[str, Measure]]


def gap(criterion: str, measures: ByMeasure, limit: Limit, days: Sequence[Day] = ()) -> FairnessGap | None:
    """The largest difference in any of the measures: among the unfair pairs of groups where there are some, then among those that
    are too early to say, then among all. ``None`` where no measure has two groups.

    `low` and `high` hold the differences of all pairs at once with a certainty of 95 % (Bonferroni's correction), so that
    the largest of them may be looked at. The interval of one is made of those of its two groups: Newcombe's hybrid of Wilson's
    scores for rates, the normal one for means; wider where the groups' difference varies from day to day beyond that (`by_day`).

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions, method 10. Zou and Donner (2008),
    Construction of confidence limits about effect measures: a general approach.
    """
    pairs = sum(math.comb(len(by_group), 2) for by_group in measures.values())
    if not pairs:
        return None
    z = float(ndtri(1.0 - ALPHA / (2.0 * pairs)))
    found = (pair for name in measures for pair in _pairs(name, measures[name], limit, z, days))
    return min(found, key=_rank).gap(criterion)


class _Pair(NamedTuple):
    """Two groups, by their value: the one that got more of a measure comes first."""

    metric: str
    groups: tuple[str, str]
    values: tuple[float, float]
    low: float
    high: float
    verdict: FairnessVerdict
    rates: bool

    def gap(self, criterion: str) -> FairnessGap:
        """As it is shown."""
        more, less = self.values
        return FairnessGap(
            criterion=criterion,
            difference=more - less,
            low=self.low,
            high=self.high,
            ratio=less / more if self.rates and more > 0.0 else None,
            highest=self.groups[0],
            lowest=self.groups[1],
            metric=self.metric,
            verdict=self.verdict,
        )


def _rank(pair: _Pair) -> tuple[int, float]:
    return _ORDER.index(pair.verdict), pair.values[1] - pair.values[0]


def _pairs(
    name: str, measures: Mapping[str, Measure], limit: Limit, z: float, days: Sequence[Day]
) -> Iterator[_Pair]:
    falling = sorted(measures, key=lambda group: (-measures[group].value, group))
    known = [(group, measures[group].value, measures[group].interval(z)) for group in falling]
    rates = any(isinstance(measure, Share) for measure in measures.values())
    for (highest, more, of_more), (lowest, less, of_less) in itertools.combinations(known, 2):
        wider = stretch(days, name, (highest, lowest), z)
        low, high = _around(more - less, contrast(more, of_more, less, of_less), wider)
        if rates:
            low, high = max(low, -1.0), min(high, 1.0)
        verdict = _verdict(low, high, limit.difference)
        if limit.ratio is not None and rates:
            # How far the lower rate lies above so much of the higher one.
            scaled = limit.ratio * of_more[0], limit.ratio * of_more[1]
            least = limit.ratio * more
            below, above = _around(less - least, contrast(less, of_less, least, scaled), wider)
            of_ratio: FairnessVerdict = (
                "unfair" if above < 0.0 else "fair" if below >= 0.0 else "too early to say"
            )
            verdict = min(verdict, of_ratio, key=_ORDER.index)
        yield _Pair(name, (highest, lowest), (more, less), low, high, verdict, rates)


def contrast(first: float, of_first: Interval, second: float, of_second: Interval) -> Interval:
    """The interval of a difference, from two independent estimates and their intervals at the same level.

    >>> low, high = contrast(0.7, (0.6, 0.78), 0.5, (0.4, 0.6))
    >>> round(low, 3), round(high, 3)
    (0.059, 0.328)
    """
    difference = first - second
    return (
        difference - math.hypot(first - of_first[0], of_second[1] - second),
        difference + math.hypot(of_first[1] - first, second - of_second[0]),
    )


def _around(middle: float, interval: Interval, wider: float) -> Interval:
    low, high = interval
    return middle - wider * (middle - low), middle + wider * (high - middle)


def _verdict(low: float, high: float, limit: float) -> FairnessVerdict:
    if low > limit:
        return "unfair"
    return "fair" if high <= limit and low >= -limit else "too early to say"


def groups_with(by_group: Sequence[tuple[str, Mapping[str, Measure]]], name: str) -> dict[str, Measure]:
    """Those of the groups that have a measure."""
    return {value: measures[name] for value, measures in by_group if name in measures}
