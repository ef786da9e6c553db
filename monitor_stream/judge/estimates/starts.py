"""A change may have begun with any value: a confidence sequence from each place on, certain all together."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor_stream.judge.estimates.mixture import Mixture

#: A place is kept for so many values, and twice, four, eight times as many where its number is so often even.
KEPT: Final = 16
#: The mixture is tightest for means of half a standard deviation of a value.
_HALF: Final = 0.25


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """The mean of the values since the one numbered `since`, and how far the truth may be from it."""

    since: int
    mean: float
    reach: float

    @property
    def certain(self) -> float:
        """How far from 0 the mean is at least; below 0 where it may be 0."""
        return abs(self.mean) - self.reach


class Starts(msgspec.Struct, array_like=True):
    r"""Follows values that are about 0 until, some time, they are not any more.

    A single sequence over the whole life would be slow to see a change after a long good time. The k-th place has its own
    from there on, at the level :math:`α / (k (k + 1))`: these add up to α, so that all of them hold for ever with probability
    1 − α. Dropping one loses sight, not certainty: places that are not kept cost nothing, and memory grows with the
    logarithm of time (about ``KEPT · log2(k)`` places).

    >>> starts = Starts()
    >>> for value in [0.1, -0.1] * 50 + [1.0] * 40:
    ...     starts.add(value, 0.25)
    >>> found = starts.strongest(0.05)
    >>> found.since, round(found.mean, 2), found.certain > 0.5
    (104, 1.0, True)

    References
    ----------
    Shin, Ramdas and Rinaldo (2024), E-detectors: a nonparametric framework for sequential change detection, NEJSDS 2, on
    sequences begun anew at each time and their weights.
    """

    count: int = 0
    places: list[tuple[int, Mixture]] = []

    def add(self, value: float, variance: float) -> None:
        """Take in a value; its variance is above 0."""
        self.count += 1
        kept = [(at, sequence) for at, sequence in self.places if at == 1 or self.count - at < _life(at)]
        self.places = [*kept, (self.count, Mixture(_HALF * variance))]
        for _, sequence in self.places:
            sequence.add(value, variance)

    def strongest(self, alpha: float) -> Gap:
        """The stretch up to now whose mean is furthest from 0 for certain; there has to be a value."""
        found = [
            Gap(at, sequence.mean, sequence.reach(alpha / (at * (at + 1)))) for at, sequence in self.places
        ]
        return max(found, key=lambda gap: (gap.certain, -gap.since))


def _life(at: int) -> int:
    """For how many values the place is kept: ``at & -at`` is the largest power of two that divides it."""
    return KEPT * (at & -at)
