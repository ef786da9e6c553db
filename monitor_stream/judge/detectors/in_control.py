"""What the mean error of a span may be while nothing is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Self

import msgspec
import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from monitor_stream.events.spec import ErrorScale
from monitor_stream.judge.detectors.budget import ALLOWANCE, cusum_limit
from monitor_stream.judge.detectors.spans import ErrorRun
from monitor_stream.judge.detectors.spread import between, persistence

#: Spans on which a spread has to be measured to be believed. Where the reference has fewer, the first so many of the
#: stream show it.
LEARNED: Final = 21
#: Until then it is taken for this share of the mean (the second, where the mean is the stream's own), as if that had been
#: measured on so many spans, and pooled with what the stream has shown so far.
_ASSUMED: Final = 0.1
_UNKNOWN: Final = 0.2
_ASSUMED_SPANS: Final = 6
#: A level that differs by less than this share of the reference's is no news, however many errors show it.
FLOOR: Final = 0.05
#: Parts of a span, to measure how far short stretches lie apart; a part has at least so many errors.
PARTS: Final = 8
PART_ERRORS: Final = 30

_SMALLEST: Final = 1e-300


class InControl(msgspec.Struct, frozen=True, array_like=True):
    """Level and spread of the mean error, in whatever unit the error has.

    `std` is of one error; `between` of span means beyond sampling, `within` of the means of an eighth of a span, which
    have hours in them as well; `persistence` the correlation of one span with the next. All of it was measured on
    `spans` spans; `measured` is False where the spread is an assumption.
    """

    mean: float
    std: float
    between: float
    within: float
    persistence: float
    spans: int
    measured: bool

    @classmethod
    def reference(cls, errors: ErrorScale, unit: float, std: float) -> Self:
        """That of the reference, in parts of `unit`; the spread is assumed where it was measured on too few spans."""
        mean = errors.mean / unit
        if errors.spans < LEARNED:
            return cls._assumed(mean, std, _ASSUMED)
        return cls(
            mean,
            std,
            errors.between / unit,
            max(errors.within, errors.between) / unit,
            errors.persistence if errors.between else 0.0,
            errors.spans,
            True,
        )

    @classmethod
    def learned(
        cls, mean: float | None, std: float, runs: Sequence[ErrorRun], parts: Sequence[ErrorRun]
    ) -> Self | None:
        """That of the first spans of a stream, about the reference's mean where one is known (else ``None`` at first)."""
        share = _UNKNOWN if mean is None else _ASSUMED
        if mean is None and runs:
            mean = float(np.average([run.mean for run in runs], weights=[run.n for run in runs]))
        if mean is None:
            return None
        seen = cls.of_runs(mean, std, runs, parts)
        if seen.measured:
            return seen
        assumed = cls._assumed(mean, std, share)
        return msgspec.structs.replace(
            assumed,
            between=_pooled(assumed.between, seen.between, len(runs)),
            within=_pooled(assumed.within, seen.within, len(parts)),
            spans=_ASSUMED_SPANS + len(runs),
        )

    @classmethod
    def unknown(cls, before: float, std: float) -> Self:
        """Before the first span of a stream without a reference is over: about what was before a change."""
        return cls._assumed(before, std, _UNKNOWN)

    @classmethod
    def of_runs(cls, mean: float, std: float, runs: Sequence[ErrorRun], parts: Sequence[ErrorRun]) -> Self:
        """About a mean, with the spread of the means of runs, and of parts of spans."""
        apart = _spread(runs, std)
        lasting = persistence(np.array([run.mean for run in runs])) if apart else 0.0
        return cls(
            mean, std, apart, max(apart, _spread(parts, std)), lasting, len(runs), len(runs) >= LEARNED
        )

    @classmethod
    def _assumed(cls, mean: float, std: float, share: float) -> Self:
        return cls(mean, std, share * mean, share * mean, 0.0, _ASSUMED_SPANS, False)

    def score(self, mean: float, n: int) -> float:
        """How unlikely the mean of a span of n errors is: the standard normal score of the same probability.

        >>> round(InControl(0.2, 0.4, 0.03, 0.1, 0.0, 60, True).score(0.3, 1000), 2)
        2.96
        """
        deviation, freedom = self._deviation(n, self.between)
        found = (mean - self.mean) / deviation
        tail = max(float(stdtr(freedom, -abs(found))), _SMALLEST)
        return math.copysign(float(ndtri(tail)), found)

    def limit(self, score: float, n: int) -> float:
        """The mean of a span of n errors that has this score; the floor apart."""
        return self._limit(score, n, self.between)

    def limit_within(self, score: float, n: int, part: float) -> float:
        """The same of n errors that are but a part of a span.

        `part` is how many errors the parts had that the spread was measured on. What is shorter may lie further apart:
        as far as if errors of one part had nothing to do with each other.
        """
        stretch = math.sqrt(max(part / n, 1.0)) if self.measured else 1.0
        return self._limit(score, n, self.within * stretch)

    def limit_lasting(self, sign: float, chance: float, runs: int, n: int) -> float:
        """The mean of n errors in so many runs, from which their sum passes the threshold of a CUSUM."""
        deviation, _ = self._deviation(max(n // runs, 1), self.between)
        return self.mean + sign * (ALLOWANCE + cusum_limit(chance) / runs) * deviation * self.stretch

    @property
    def stretch(self) -> float:
        """How much further sums of span means lie apart than those of independent ones: as of an AR(1) series."""
        return math.sqrt((1.0 + self.persistence) / (1.0 - self.persistence))

    def _limit(self, score: float, n: int, apart: float) -> float:
        deviation, freedom = self._deviation(n, apart)
        tail = max(float(ndtr(-abs(score))), _SMALLEST)
        return self.mean + math.copysign(float(stdtrit(freedom, tail)), score) * deviation

    def _deviation(self, n: int, apart: float) -> tuple[float, float]:
        """Standard deviation of a mean, and its degrees of freedom by Satterthwaite: what sampling adds is known."""
        apart *= math.sqrt(1.0 + 1.0 / self.spans)
        deviation = math.hypot(apart, self.std / math.sqrt(n))
        share = apart / deviation
        return deviation, min((self.spans - 1) / max(share**4, 1e-9), 1e9)


def _spread(runs: Sequence[ErrorRun], std: float) -> float:
    """How far the means of runs lie apart beyond sampling; see `between`."""
    return between(np.array([run.mean for run in runs]), np.array([run.n for run in runs]), std)


def _pooled(assumed: float, seen: float, count: int) -> float:
    """The assumed spread, and that of so many means."""
    return math.sqrt((_ASSUMED_SPANS * assumed * assumed + count * seen * seen) / (_ASSUMED_SPANS + count))
