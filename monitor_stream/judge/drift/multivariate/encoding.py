"""Sampled rows as a matrix of numbers of one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, NumericReference, Reference
from monitor_stream.judge.drift.bins import MIN_STD

#: Columns of the matrix, so that its cost is bounded; what does not fit any more is left out.
MAX_COLUMNS: Final = 128
#: Further from the mean than so many standard deviations all values are alike: one wild row is one row.
_LIMIT: Final = 5.0
#: Rarer categories are told by none of the indicators being set.
_MIN_SHARE: Final = 0.05


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """How each column of the rows becomes numbers, from the references alone.

    Numbers are standardised by the reference's mean and standard deviation, up to 5 of them. A category is one indicator for
    each value of at least 5 %, standardised likewise. What is missing becomes the reference's mean, 0. Columns without a reference,
    or with a constant one, are left out.
    """

    numeric: list[int]
    means: Floats
    stds: Floats
    indicators: list[tuple[int, int, float]]

    @classmethod
    def of(cls, references: Sequence[Reference | None]) -> Self:
        """The encoding of rows with one column for each reference, in this order.

        >>> carrier = CategoricalReference(n=100, missing=0.0, shares={"UA": 0.5, "AA": 0.48, "HA": 0.02})
        >>> delay = NumericReference(
        ...     n=100, missing=0, mean=10.0, std=5.0, minimum=0, maximum=20, edges=[10.0], shares=[0.5, 0.5]
        ... )
        >>> encoding = Encoding.of([delay, carrier, None])
        >>> encoding.encode(np.array([[15.0, 0.0, 7.0], [np.nan, 2.0, 7.0]])).round(2)
        array([[ 1.  ,  1.  , -0.96],
               [ 0.  , -1.  , -0.96]])
        """
        numbers: list[tuple[int, NumericReference]] = []
        indicators: list[tuple[int, int, float]] = []
        for column, reference in enumerate(references):
            if isinstance(reference, NumericReference) and reference.std > 0.0:
                numbers.append((column, reference))
            elif isinstance(reference, CategoricalReference):
                indicators += [
                    (column, code, share)
                    for code, share in enumerate(reference.shares.values())
                    if _MIN_SHARE <= share <= 1.0 - _MIN_SHARE
                ]
        numbers = numbers[:MAX_COLUMNS]
        return cls(
            numeric=[column for column, _ in numbers],
            means=np.array([reference.mean for _, reference in numbers]),
            stds=np.array([max(reference.std, MIN_STD) for _, reference in numbers]),
            indicators=indicators[: MAX_COLUMNS - len(numbers)],
        )

    @property
    def width(self) -> int:
        """How many columns the matrix has."""
        return len(self.numeric) + len(self.indicators)

    def encode(self, rows: Floats) -> Floats:
        """The matrix of rows: shape ``(rows, columns)`` to ``(rows, width)``; NaN is missing."""
        numbers = np.clip((rows[:, self.numeric] - self.means) / self.stds, -_LIMIT, _LIMIT)
        flags = [
            np.where(np.isnan(rows[:, column]), 0.0, (rows[:, column] == code) - share)
            / np.sqrt(share * (1.0 - share))
            for column, code, share in self.indicators
        ]
        return np.nan_to_num(np.column_stack((numbers, *flags)) if flags else numbers, nan=0.0)
