"""The mean of a signal before and after the likeliest place of a change."""

from __future__ import annotations

from typing import Final, Self

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.judge.detectors.running import running_total

#: Running totals are kept after each of the last 64 values, each 32nd of the last 2,048 and each 1,024th of the last
#: 65,536.
_STRIDES: Final = (1, 32, 1024)
_MARKS: Final = 64


class LevelsState(msgspec.Struct, frozen=True, array_like=True):
    """`Levels` as bytes."""

    count: int
    marks: tuple[bytes, ...]


class Levels:
    """Follows a signal in [0, 1] in 1.5 kB, and parts it in two where one step of its mean is the likeliest.

    Likelihood is that of a Bernoulli signal (a quasi-likelihood for one with values between): a single error after
    many right answers is not taken for a level of 1. Places are the last 64 values, the multiples of 32 among the
    last 2,048 and of 1,024 among the last 65,536, so a step further back is placed there, and the level after it is
    right still.

    >>> levels = Levels()
    >>> levels.follow(np.repeat([0.25, 0.75], [1000, 50]))
    >>> levels.part(1)
    (0.25, 0.75, 50)
    """

    def __init__(self) -> None:
        self.count = 0
        self._marks: list[Floats] = [np.zeros(1) for _ in _STRIDES]

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._marks[0][-1])

    def follow(self, values: Floats) -> None:
        """Take in values, in order."""
        totals = running_total(self.total, values)
        for at, stride in enumerate(_STRIDES):
            first = stride - self.count % stride - 1
            self._marks[at] = np.concatenate((self._marks[at], totals[first::stride]))[-_MARKS:]
        self.count += len(values)

    def part(self, sign: int) -> tuple[float, float, int]:
        """The means before and after the likeliest step up (`sign` 1) or down (−1), of at least two values; and of how
        many the one after is.
        """
        counts, totals = self._places()
        before = totals / counts
        after = (self.total - totals) / (self.count - counts)
        likelihood = counts * _log_likelihood(before) + (self.count - counts) * _log_likelihood(after)
        place = np.argmax(np.where(sign * (after - before) > 0.0, likelihood, -np.inf))
        return float(before[place]), float(after[place]), int(self.count - counts[place])

    def _places(self) -> tuple[Ints, Floats]:
        """How many values came before each place where the signal can be parted, and their sum."""
        counts = np.concatenate(
            [
                self.count - self.count % stride - stride * np.arange(len(marks) - 1, -1, -1)
                for stride, marks in zip(_STRIDES, self._marks, strict=True)
            ]
        )
        inside = (counts > 0) & (counts < self.count)
        return counts[inside], np.concatenate(self._marks)[inside]

    def state(self) -> LevelsState:
        """All that is needed to go on, to the bit."""
        return LevelsState(self.count, tuple(marks.astype("<f8").tobytes() for marks in self._marks))

    @classmethod
    def restore(cls, state: LevelsState) -> Self:
        """What `state` was taken from."""
        levels = cls()
        levels.count = state.count
        levels._marks = [np.frombuffer(marks, "<f8") for marks in state.marks]
        return levels


def _log_likelihood(mean: Floats) -> Floats:
    """Of one value of a Bernoulli signal, at its own mean, in expectation."""
    tiny = np.finfo(np.float64).tiny
    other = 1.0 - mean
    result: Floats = mean * np.log(np.maximum(mean, tiny)) + other * np.log(np.maximum(other, tiny))
    return result
