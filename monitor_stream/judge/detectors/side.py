"""One side of a level chart: spans that are worse, or spans that are better."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor_stream.events.results import Detector
from monitor_stream.judge.detectors.budget import ALLOWANCE, cusum_limit, level_limit

#: A span counts in the sum with at most so many standard deviations: one storm is a matter of `level`.
_CUT: Final = 3.0
#: The sum stays below so many of its thresholds, that it is back in bounded time however long the change lasted.
_CAP: Final = 1.5
#: The sum is back in its band when it has come down to this share of the threshold.
_BACK: Final = 0.5


class Side(msgspec.Struct, array_like=True):
    """What one side of the chart has come to: whether `level` and `cusum` fire, and the sum with what it is made of.

    From its cap the sum is back in ``(_CAP - _BACK) h / k`` spans without any change: 9 of a day, with h = 4.6 and k = 0.5.

    >>> side = Side()
    >>> [
    ...     side.follow(score, 0.3, 1000, edge=0.2, chance=1 / 609, stretch=1.0)
    ...     for score in (3.0, 1.6, 1.0, 2.0)
    ... ]
    [['level'], [], [], ['cusum']]
    >>> side.level, round(side.sum, 1)
    (False, 5.6)
    """

    level: bool = False
    cusum: bool = False
    sum: float = 0.0
    runs: int = 0
    n: int = 0
    total: float = 0.0

    @property
    def firing(self) -> bool:
        """Whether either chart fires."""
        return self.level or self.cusum

    @property
    def mean(self) -> float:
        """The mean error since the sum left 0, or 0."""
        return self.total / self.n if self.n else 0.0

    def follow(
        self, score: float, mean: float, n: int, *, edge: float, chance: float, stretch: float
    ) -> list[Detector]:
        """Take in a span; return which charts began to fire.

        Parameters
        ----------
        score
            Its standard score, positive on this side.
        mean, n
            The mean error of the span (negative on the better side), and of how many.
        edge
            The mean that has to be passed for anybody to care.
        chance
            The probability with which a chart may be wrong on this span.
        stretch
            How much further sums of scores lie apart than those of independent ones.
        """
        before = (self.level, self.cusum)
        self.level = score > level_limit(chance) and mean > edge
        self._add(score / stretch, mean, n, chance)
        if self.cusum:
            self.cusum = self.sum > _BACK * cusum_limit(chance)
        else:
            self.cusum = self.sum > cusum_limit(chance) and self.mean > edge
        began = (self.level and not before[0], self.cusum and not before[1])
        return [name for name, fires in zip(_DETECTORS, began, strict=True) if fires]

    def _add(self, score: float, mean: float, n: int, chance: float) -> None:
        self.sum = min(self.sum + min(max(score, -_CUT), _CUT) - ALLOWANCE, _CAP * cusum_limit(chance))
        if self.sum <= 0.0:
            self.sum, self.runs, self.n, self.total = 0.0, 0, 0, 0.0
        else:
            self.runs, self.n, self.total = self.runs + 1, self.n + n, self.total + mean * n


_DETECTORS: Final[tuple[Detector, Detector]] = ("level", "cusum")
