"""How a challenger stands against its champion, over all predictions or over those of one segment value."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ComparisonVerdict
from monitor_stream.judge.comparison.confidence import Difference, Evidence

#: Nothing is decided on fewer pairs.
LEAST: Final = 100


class Arm(msgspec.Struct, array_like=True):
    """The answers of one version so far, where nothing is paired."""

    n: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float:
        """Their mean error."""
        return self.total / self.n

    def add(self, errors: Floats) -> None:
        """Take in a span's."""
        self.n += len(errors)
        self.total += float(errors.sum())


class Standing(msgspec.Struct, array_like=True):
    """Sums over the spans that count, and what was decided.

    `n` is how many pairs, or predictions of the challenger, count. `challenger` and `champion` are mean errors times the weight
    of their span, `largest` is the largest error seen. `decided` is the end of the span with which the verdict was reached.
    """

    evidence: Evidence = msgspec.field(default_factory=Evidence)
    n: int = 0
    challenger: float = 0.0
    champion: float = 0.0
    largest: float = 0.0
    verdict: ComparisonVerdict = "too early to say"
    decided: float | None = None
    challengers: Arm = msgspec.field(default_factory=Arm)
    champions: Arm = msgspec.field(default_factory=Arm)

    def add_pairs(self, challenger: Floats, champion: Floats) -> None:
        """Take in a span's errors on the same ids, in the same order."""
        if len(challenger):
            difference = challenger - champion
            squares = float(difference @ difference)
            self._add(
                Difference(float(len(difference)), float(difference.mean()), squares), challenger, champion
            )

    def add_unpaired(self, challenger: Floats, champion: Floats) -> None:
        """Take in a span's errors on different ids.

        The first span in which both were at work does not count: one of them began somewhere within it, and mornings differ from
        evenings. The squares are about the means of the spans before, so that they too are known before the errors.
        """
        n, m = len(challenger), len(champion)
        if not (n and m):
            return
        if self.challengers.n:
            weight = n * m / (n + m)
            squares = [
                (weight / len(errors)) ** 2 * float(((errors - arm.mean) ** 2).sum())
                for errors, arm in ((challenger, self.challengers), (champion, self.champions))
            ]
            effect = float(challenger.mean() - champion.mean())
            self._add(Difference(weight, effect, sum(squares)), challenger, champion)
        self.challengers.add(challenger)
        self.champions.add(champion)

    def _add(self, difference: Difference, challenger: Floats, champion: Floats) -> None:
        self.evidence.add(difference)
        self.n += len(challenger)
        self.challenger += difference.weight * float(challenger.mean())
        self.champion += difference.weight * float(champion.mean())
        self.largest = max(self.largest, float(challenger.max()), float(champion.max()))

    def errors(self) -> tuple[float, float]:
        """The mean errors of challenger and champion."""
        weight = self.evidence.weight or 1.0
        return self.challenger / weight, self.champion / weight

    def interval(self, alpha: float, *, bounded: bool) -> tuple[float, float]:
        """Where the effect lies; where too few spans are known, anywhere that errors as large as those seen allow."""
        limit = 1.0 if bounded else self.largest
        low, high = self.evidence.interval(alpha, bounded=bounded)
        return max(low, 0.0 - limit), min(high, limit)

    def decide(self, alpha: float, minimum_effect: float, at: float, *, bounded: bool) -> None:
        """Look at the evidence, at the end of a span.

        A verdict stays until the evidence says another one: that it is too early to say is no news by then.
        """
        if self.evidence.weight < LEAST:
            return
        low, high = self.evidence.interval(alpha, bounded=bounded)
        found = verdict(low, high, minimum_effect)
        if found not in {"too early to say", self.verdict}:
            self.verdict, self.decided = found, at


def verdict(low: float, high: float, minimum_effect: float) -> ComparisonVerdict:
    """What an interval says of a difference of errors, of which less than `minimum_effect` is none.

    >>> verdict(-0.03, -0.01, 0.005), verdict(-0.03, -0.001, 0.005), verdict(-0.003, 0.004, 0.005)
    ('better', 'too early to say', 'no difference')
    """
    if high < -minimum_effect:
        return "better"
    if low > minimum_effect:
        return "worse"
    if -minimum_effect <= low and high <= minimum_effect:
        return "no difference"
    return "too early to say"
