"""How an error becomes a signal between 0 and 1, and how much that signal varies when nothing is wrong."""

from __future__ import annotations

import math
import sys
from typing import Final, Self

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ErrorScale, Task

#: A regression's error counts as at most the mean and so many standard deviations: for detectors that follow single
#: errors, and for charts of span means, which many errors make.
NEAR_REACH: Final = 3.0
REACH: Final = 10.0
#: The least standard deviation that is believed: that of one wrong answer in 400. A model that made no mistake on
#: its reference would otherwise be called worse at its first one.
SIGMA_FLOOR: Final = 0.05
#: The largest standard deviation a signal in [0, 1] can have.
SIGMA_LIMIT: Final = 0.5


class Scale(msgspec.Struct, frozen=True, array_like=True):
    """`unit` is the error that counts as 1, and as much as any larger one; `sigma` the signal's deviation.

    A wrong answer of a classifier is 1 already. A regression's unit is the mean of its absolute error plus three
    standard deviations: room for a level four times as high, while one absurd error weighs no more than a large one.
    """

    unit: float
    sigma: float

    @classmethod
    def of(cls, task: Task, errors: ErrorScale, *, reach: float = NEAR_REACH) -> Self:
        """From the mean and standard deviation of the error; a regression's unit is the mean and `reach` deviations.

        >>> Scale.of("regression", ErrorScale(2.0, 1.0))
        Scale(unit=5.0, sigma=0.2)
        >>> Scale.of("binary", ErrorScale(0.2, 0.4))
        Scale(unit=1.0, sigma=0.4)
        """
        unit = 1.0
        if task == "regression":
            unit = errors.mean + reach * errors.std
            # A reference without errors makes each error a full one; what overflowed is cut to what a float can hold.
            unit = min(max(unit, sys.float_info.min), sys.float_info.max) if math.isfinite(unit) else 1e300
        return cls(unit, max(min(errors.std / unit, SIGMA_LIMIT), SIGMA_FLOOR))

    @classmethod
    def measured(cls, task: Task, errors: Floats, *, reach: float = NEAR_REACH) -> Self:
        """From errors themselves, the largest hundredth cut down to the next, so that one absurd value sets no scale.

        >>> Scale.measured("regression", np.array([1.0, 3.0] * 250)).unit
        5.0
        """
        usual = np.minimum(errors, np.quantile(errors, 0.99, method="lower"))
        with np.errstate(over="ignore", invalid="ignore"):  # `of` knows what to do with what is not finite
            return cls.of(task, ErrorScale(float(usual.mean()), float(usual.std())), reach=reach)

    def signal(self, errors: Floats) -> Floats:
        """Errors in units of the scale, from 0 to 1."""
        return np.clip(errors, 0.0, self.unit) / self.unit

    def with_sigma_of(self, count: int, total: float, squares: float) -> Self:
        """The same unit, with sigma from sums over the signal."""
        mean = total / count
        return type(self)(self.unit, max(math.sqrt(max(squares / count - mean * mean, 0.0)), SIGMA_FLOOR))
