"""The mean of a signal before and after the likeliest place of a change."""

from __future__ import annotations

from typing import Final, Self

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.judge.detectors.running import running_total

#: Running totals are kept after each of the last 64 values, and after each 32nd of the last 2,048.
_RECENT: Final = 64
_STRIDE: Final = 32
_MARKS: Final = 64


class LevelsState(msgspec.Struct, frozen=True, array_like=True):
    """`Levels` as bytes."""

    count: int
    recent: bytes
    marks: bytes


class Levels:
    """Follows a signal in [0, 1] in 1 kB, and parts it in two where one step of its mean is the likeliest.

    Likelihood is that of a Bernoulli signal (a quasi-likelihood for one with values between): a single error after
    many right answers is not taken for a level of 1. Places are the last 64 values and the multiples of 32 among the
    last 2,048, so a step further back is placed there, and the level after it is right still.

    >>> levels = Levels()
    >>> levels.follow(np.repeat([0.25, 0.75], [1000, 50]))
    >>> levels.part(1)
    (0.25, 0.75)
    """

    def __init__(self) -> None:
        self.count = 0
        self._recent: Floats = np.zeros(1)
        self._marks: Floats = np.zeros(1)

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._recent[-1])

    def follow(self, values: Floats) -> None:
        """Take in values, in order."""
        totals = running_total(self.total, values)
        next_mark = _STRIDE - self.count % _STRIDE
        self.count += len(values)
        self._recent = np.concatenate((self._recent, totals))[-_RECENT:]
        self._marks = np.concatenate((self._marks, totals[next_mark - 1 :: _STRIDE]))[-_MARKS:]

    def part(self, sign: int) -> tuple[float, float]:
        """The means before and after the likeliest step up (`sign` 1) or down (−1), of at least two values."""
        counts, totals = self._places()
        before = totals / counts
        after = (self.total - totals) / (self.count - counts)
        likelihood = counts * _log_likelihood(before) + (self.count - counts) * _log_likelihood(after)
        place = np.argmax(np.where(sign * (after - before) > 0.0, likelihood, -np.inf))
        return float(before[place]), float(after[place])

    def _places(self) -> tuple[Ints, Floats]:
        """How many values came before each place where the signal can be parted, and their sum."""
        newest_mark = self.count - self.count % _STRIDE
        counts = np.concatenate(
            (
                newest_mark - _STRIDE * np.arange(len(self._marks) - 1, -1, -1),
                self.count - np.arange(len(self._recent) - 1, -1, -1),
            )
        )
        inside = (counts > 0) & (counts < self.count)
        return counts[inside], np.concatenate((self._marks, self._recent))[inside]

    def state(self) -> LevelsState:
        """All that is needed to go on, to the bit."""
        return LevelsState(
            self.count, self._recent.astype("<f8").tobytes(), self._marks.astype("<f8").tobytes()
        )

    @classmethod
    def restore(cls, state: LevelsState) -> Self:
        """What `state` was taken from."""
        levels = cls()
        levels.count = state.count
        levels._recent = np.frombuffer(state.recent, "<f8")
        levels._marks = np.frombuffer(state.marks, "<f8")
        return levels


def _log_likelihood(mean: Floats) -> Floats:
    """Of one value of a Bernoulli signal, at its own mean, in expectation."""
    tiny = np.finfo(np.float64).tiny
    other = 1.0 - mean
    result: Floats = mean * np.log(np.maximum(mean, tiny)) + other * np.log(np.maximum(other, tiny))
    return result
