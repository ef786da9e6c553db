"""Which values of two categorical features came together on the reference rows, and which never did though they should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import CategoryPair

#: Features whose pairs are counted, the first ones; and pairs that rules name.
MOST_FEATURES: Final = 12
MOST_PAIRS: Final = 5
#: Values that never came together are a finding where so many rows would have, were the features independent.
EXPECTED: Final = 5.0
#: The least association (Cramér's V) of a pair that rules name, and how many rows in a span may bring a pair that no other
#: span has: where new pairs come every day, one means nothing.
ASSOCIATED: Final = 0.1
NOVEL: Final = 0.001


class Together:
    """Counts of two features' values together: shape ``(values of the first, values of the second)``, and the first and the last
    slot in which they came.
    """

    def __init__(self, first: str, second: str, shape: tuple[int, int]) -> None:
        self.first, self.second, self.shape = first, second, shape
        self.counts = np.zeros(shape[0] * shape[1], np.int64)
        self._earliest = np.full(len(self.counts), np.iinfo(np.int64).max)
        self._latest = np.full(len(self.counts), -1)

    def see(self, first: Ints, second: Ints, slots: Ints) -> None:
        """Take in rows by the codes of their values; a code beyond the values is none."""
        known = (first < self.shape[0]) & (second < self.shape[1])
        cells, slots = first[known] * self.shape[1] + second[known], slots[known]
        self.counts += np.bincount(cells, minlength=len(self.counts))
        np.minimum.at(self._earliest, cells, slots)
        np.maximum.at(self._latest, cells, slots)

    @property
    def expected(self) -> Floats:
        """Rows of each cell, were the features independent."""
        counts = self.counts.reshape(self.shape)
        both = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(int(self.counts.sum()), 1)
        return both.ravel()

    @property
    def association(self) -> float:
        """Cramér's V, less what chance makes of it (Bergsma, 2013, A bias-correction for Cramér's V and Tschuprow's T).

        >>> pair = Together("a", "b", (2, 2))
        >>> pair.see(np.array([0, 0, 1, 1] * 50), np.array([0, 0, 1, 1] * 50), np.zeros(200, np.int64))
        >>> round(pair.association, 2)
        1.0
        """
        expected, n = self.expected, int(self.counts.sum())
        there = expected > 0.0
        rows, columns = (np.count_nonzero(self.counts.reshape(self.shape).sum(axis=axis)) for axis in (1, 0))
        if n < 2 or min(rows, columns) < 2:
            return 0.0
        phi = float(((self.counts - expected)[there] ** 2 / expected[there]).sum()) / n
        phi = max(phi - (rows - 1) * (columns - 1) / (n - 1), 0.0)
        least = min(side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)) - 1
        return float(np.sqrt(phi / least)) if least > 0.0 else 0.0

    @property
    def missing(self) -> bool:
        """Whether values never came together that should have."""
        return bool(((self.counts == 0) & (self.expected >= EXPECTED)).any())

    def novel(self, slots: int) -> Ints:
        """Rows of each slot that would be a finding if the slot were not among the reference.

        With a single slot, each row is taken for one: how many came once is what Good and Turing expect of the next rows.
        """
        told = self.expected >= EXPECTED
        if slots < 2:
            return np.array([np.count_nonzero(told & (self.counts == 1))])
        once = told & (self._earliest == self._latest)
        return np.bincount(self._latest[once], self.counts[once], slots).astype(np.int64)

    def rule(self) -> CategoryPair:
        """What may come together: what did, and what is too rare to say.

        >>> pair = Together("a", "b", (2, 2))
        >>> pair.see(np.array([0, 0, 1, 1] * 50), np.array([0, 0, 1, 1] * 50), np.zeros(200, np.int64))
        >>> pair.rule().seen
        ['1', '2']
        """
        seen = ((self.counts > 0) | (self.expected < EXPECTED)).reshape(self.shape)
        masks = [sum(1 << int(place) for place in np.flatnonzero(row)) for row in seen]
        return CategoryPair(first=self.first, second=self.second, seen=[f"{mask:x}" for mask in masks])


def pairs_of(values: Mapping[str, int]) -> list[Together]:
    """All pairs of some features, given how many values each has."""
    some = list(values.items())[:MOST_FEATURES]
    return [Together(a, b, (count, other)) for (a, count), (b, other) in combinations(some, 2)]


def telling(pairs: Sequence[Together], rows: Ints) -> list[Together]:
    """The most associated pairs in which something never came together, and that bring nothing new every day.

    `rows` has the number of rows in each slot.
    """
    some = [
        pair
        for pair in pairs
        if pair.missing
        and pair.association >= ASSOCIATED
        and pair.novel(len(rows)).sum() <= NOVEL * rows.sum()
    ]
    return sorted(some, key=lambda pair: -pair.association)[:MOST_PAIRS]
