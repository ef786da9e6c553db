"""Whether two versions answer the same ids, and which of their errors in a span belong together."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import PAIRED_ROWS, Floats
from monitor_stream.judge.comparison.answers import Answers

#: Versions are compared by pairs if at least so many, and such a share of the smaller sample, have the same id.
LEAST_PAIRS: Final = 100
LEAST_SHARE: Final = 0.1
#: So many answers of each are looked at before it is said that they have too few ids in common; a tenth of it, where they have
#: none.
ENOUGH: Final = 1_000

Values = npt.NDArray[np.str_]


class Overlap(msgspec.Struct, array_like=True):
    """How many ids two versions had in common. What it says once it says for as long as they are compared.

    >>> overlap = Overlap()
    >>> overlap.add(pairs=90, smaller=200)
    >>> overlap.paired  # too early to say
    >>> overlap.add(pairs=90, smaller=200)
    >>> overlap.paired
    True
    """

    pairs: int = 0
    smaller: int = 0
    paired: bool | None = None

    def add(self, pairs: int, smaller: int) -> None:
        """Take in a span: pairs, and how many answers the version with fewer of them had."""
        self.pairs += pairs
        self.smaller += smaller
        if self.paired is None:
            if self.pairs >= max(LEAST_PAIRS, LEAST_SHARE * self.smaller):
                self.paired = True
            elif self.smaller >= (ENOUGH if self.pairs else LEAST_PAIRS):
                self.paired = False


class Together(NamedTuple):
    """Errors of a challenger and a champion in one span, with the segment values they are followed by (empty text for none)."""

    challenger: Floats
    champion: Floats
    challenger_values: Values
    champion_values: Values

    def of(self, value: str) -> Together:
        """Those of one segment value."""
        ours, theirs = self.challenger_values == value, self.champion_values == value
        return Together(
            self.challenger[ours],
            self.champion[theirs],
            self.challenger_values[ours],
            self.champion_values[theirs],
        )


def pairs(challenger: Answers, champion: Answers) -> Together:
    """The errors on the ids that both answered, in the same order.

    A sample holds all ids up to its greatest hash. So what is in both is all there is up to the smaller one of these: a uniform
    sample. A pair's segment value is the challenger's, or the champion's where only that tells one.
    """
    _, ours, theirs = np.intersect1d(
        challenger.hashes, champion.hashes, assume_unique=True, return_indices=True
    )
    values = challenger.values()[ours] if len(challenger.codes) else champion.values()[theirs]
    return Together(challenger.errors[ours], champion.errors[theirs], values, values)


def side_by_side(challenger: Answers, champion: Answers) -> Together:
    """All errors of both."""
    return Together(challenger.errors, champion.errors, challenger.values(), champion.values())


def smaller(challenger: Answers, champion: Answers) -> int:
    """How many answers the version with fewer of them has, up to where both samples are whole."""
    limit = min(_whole_up_to(challenger), _whole_up_to(champion))
    return int(min((each.hashes <= limit).sum() for each in (challenger, champion)))


def _whole_up_to(answers: Answers) -> float:
    return float(answers.hashes[-1]) if len(answers.hashes) >= PAIRED_ROWS else math.inf
