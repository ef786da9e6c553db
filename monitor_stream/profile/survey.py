"""The first reading: what a column holds, before it is known what kind of feature it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import InputError
from monitor_stream.events.delta import Floats
from monitor_stream.observe.values import MAX_NUMBER
from monitor_stream.profile.distinct import NUMBERS, TEXTS, Distinct
from monitor_stream.profile.sample import Hashes, Sample
from monitor_stream.replay.encode import seconds

#: So much of a text tells it from others.
_CHARACTERS = 256


class Numbers:
    """Numbers of a column: how many, their moments and range, a sample, and the distinct ones.

    Moments are merged block by block (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", 1979), so a large mean does not drown a small variance.
    """

    def __init__(self) -> None:
        self.count = 0
        self.infinite = 0
        self.mean = 0.0
        self.minimum, self.maximum = math.inf, -math.inf
        self.whole = True
        self.distinct = Distinct(NUMBERS)
        self._squares = 0.0
        self._sample = Sample()

    def see(self, numbers: Floats, rows: Hashes) -> None:
        """Take in a block: NaN is missing, and so is what is too large to be computed with."""
        known = np.abs(numbers) <= MAX_NUMBER
        self.infinite += int(np.count_nonzero(~known & ~np.isnan(numbers)))
        numbers = numbers[known]
        if not len(numbers):
            return
        mean = float(numbers.mean())
        apart, total = mean - self.mean, self.count + len(numbers)
        self._squares += (
            float(((numbers - mean) ** 2).sum()) + apart * apart * self.count * len(numbers) / total
        )
        self.mean += apart * len(numbers) / total
        self.count = total
        self.minimum = min(self.minimum, float(numbers.min()))
        self.maximum = max(self.maximum, float(numbers.max()))
        self.whole = self.whole and bool((numbers == np.floor(numbers)).all())
        self.distinct.add(pa.array(numbers))
        self._sample.add(pa.table({"value": numbers}), rows[known])

    @property
    def std(self) -> float:
        """Standard deviation of the population (divided by n)."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0

    def sample(self) -> Floats:
        """Values of rows chosen at random, or all of them."""
        return np.asarray(self._sample.rows()["value"], np.float64) if self.count else np.empty(0)


class Texts:
    """Text of a column: how much, how long, how many words, the distinct values and a sample of all."""

    def __init__(self) -> None:
        self.count = 0
        self.distinct = Distinct(TEXTS)
        self.times = True
        self._spaces = 0
        self._sample = Sample()

    def see(self, column: Any, rows: Hashes) -> None:
        """Take in a block of Arrow strings."""
        known = np.asarray(column.is_valid())
        column = column.drop_null()
        if not len(column):
            return
        if pc.max(pc.binary_length(column)).as_py() > _CHARACTERS:
            column = pc.utf8_slice_codeunits(column, 0, _CHARACTERS)
        self.count += len(column)
        self._spaces += int(pc.sum(pc.count_substring(column, " ")).as_py())
        self.distinct.add(column)
        self._sample.add(pa.table({"value": column}), rows[known])
        self.times = self.times and is_time(column)

    @property
    def words(self) -> float:
        """Words in a value, at the mean."""
        return self._spaces / self.count + 1.0 if self.count else 0.0

    def sample(self) -> Any:
        """Values of rows chosen at random, or all of them."""
        return self._sample.rows()["value"]


def is_time(column: Any) -> bool:
    """Whether text is ISO 8601, all of it.

    >>> is_time(pa.array(["2013-03-01T10:15:00Z"])), is_time(pa.array(["UA"]))
    (True, False)
    """
    try:
        seconds(column, "")
    except InputError:
        return False
    return True
