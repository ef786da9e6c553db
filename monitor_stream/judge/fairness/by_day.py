"""How far a difference between two groups lies apart from day to day, beyond what sampling explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.special import ndtr, stdtrit

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.fairness.groups import groups_of
from monitor_stream.judge.fairness.measures import Measure
from monitor_stream.judge.settled_days import SettledDays

#: What each group got on one day, by the group's value.
Day = Mapping[str, Mapping[str, Measure]]

#: Days on which two groups can be compared, below which nothing is known of how days differ.
LEAST: Final = 3


class ByDay:
    """What groups got on each of the kept days: reckoned once a day, and anew after a restart."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], Day] = {}

    def since(self, days: SettledDays, start: float, attribute: str, spec: ModelSpec) -> list[Day]:
        """The days from `start` on, the oldest first."""
        kept = {(days.reference, attribute, at): sums for at, sums in days if at >= start}
        for key, sums in kept.items():
            if key not in self._known:
                found = groups_of(sums, attribute, spec)
                self._known[key] = {group.value: group.measures for group in found}
        for key in [key for key in self._known if key[1] == attribute and key not in kept]:
            del self._known[key]
        return [self._known[key] for key in kept]


def stretch(days: Sequence[Day], metric: str, groups: tuple[str, str], z: float) -> float:
    """By how much an interval of z standard errors of sampling has to be wider, since days differ: at least 1.

    Days are the unit, and the difference of the two groups on each of them: what a storm does to both is in neither. The variance of
    their weighted mean, and Student's quantile for so few, over that of sampling (a design effect, on the scale of errors).

    >>> from monitor_stream.judge.fairness.measures import Share
    >>> calm = [{"a": {"rate": Share(50 + d, 100)}, "b": {"rate": Share(40 - d, 100)}} for d in (-2, 0, 1, 1)]
    >>> wild = [
    ...     {"a": {"rate": Share(50 + d, 100)}, "b": {"rate": Share(40 - d, 100)}} for d in (-20, 0, 10, 10)
    ... ]
    >>> stretch(calm, "rate", ("a", "b"), 1.96), round(stretch(wild, "rate", ("a", "b"), 1.96), 2)
    (1.0, 6.77)

    References
    ----------
    Kish (1965), Survey Sampling, on the design effect; Cameron and Miller (2015), A practitioner's guide to cluster-robust inference,
    on few clusters.
    """
    both = [[day.get(group, {}).get(metric) for group in groups] for day in days]
    pairs = [(first, second) for first, second in both if first is not None and second is not None]
    if len(pairs) < LEAST:
        return 1.0
    sides = [_terms(side) for side in zip(*pairs, strict=True)]
    sampling = math.sqrt(sum(variance for _, variance in sides))
    if not sampling:
        return 1.0
    k = len(pairs)
    shown = math.sqrt(k / (k - 1) * float(np.square(sides[0][0] - sides[1][0]).sum()))
    student = float(stdtrit(k - 1, ndtr(z)))
    return max(shown / sampling * student / z, 1.0)


def _terms(side: Sequence[Measure]) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """What each day adds to a mean's distance from itself, and the mean's variance by sampling."""
    n = np.array([measure.n for measure in side])
    values = np.array([measure.value for measure in side])
    mean = float((n * values).sum() / n.sum())
    variance = sum(measure.n * measure.variance for measure in side) / float(n.sum())
    return n * (values - mean) / n.sum(), variance / float(n.sum())
