"""Columns that hold each other's values: two that were swapped, several that were shifted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, NumericReference, Reference
from monitor_stream.judge.drift.bins import MIN_STD, Bins, NotComputableError
from monitor_stream.judge.drift.distances import js
from monitor_stream.judge.drift.folding import cells, fold

#: How near (Jensen-Shannon) values must be to another column's reference, sampling apart, and how far from their own.
_NEAR: Final = 0.12
_FAR: Final = 0.3
#: Fewer values are not looked at.
_MIN_SAMPLES: Final = 200
#: Where so much of a column falls into one bin of the other, the bins say only that it is beyond them.
_BLIND: Final = 0.9
#: The mean of exchanged values is the other reference's within so many of its standard deviations, standard error apart.
_MEAN: Final = 0.25
#: Their standard deviation is the other's up to this factor.
_STD: Final = 2.0
#: Values have left their column for certain where their mean moved by so many standard deviations.
_MOVED: Final = 1.0
#: Numeric bins hold one value in forty, unless one value is commoner.
_ATOM: Final = 1.5 / 40.0


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a column holds now.

    Parameters
    ----------
    counts
        Values by bin of its own reference, shape ``(bins,)``.
    mean, std
        Of a numeric column, where they are known: features of different magnitude tell each other apart by nothing else.
    unseen
        Values of a categorical column that its reference has not seen, by name.
    """

    name: str
    reference: Reference
    counts: Floats
    mean: float | None = None
    std: float | None = None
    unseen: Mapping[str, float] = {}


def swapped(columns: Sequence[Held]) -> list[tuple[str, str]]:
    """Pairs of columns of which the first holds the second's values: one for a swap, k for a ring of k.

    Values are another column's when they are far from their own reference and near the other one, which is rebinned into
    the bins they were counted by. Only rings are named, in which each column's values are accounted for: a feature that drifts
    until it resembles another is no swap, nor are two that resembled each other all along.

    >>> from monitor_stream.events.spec import CategoricalReference
    >>> origin = CategoricalReference(n=1000, missing=0.0, shares={"JFK": 0.6, "LGA": 0.4})
    >>> carrier = CategoricalReference(n=1000, missing=0.0, shares={"UA": 0.5, "AA": 0.5})
    >>> swapped(
    ...     [
    ...         Held(
    ...             name="origin",
    ...             reference=origin,
    ...             counts=np.array([0.0, 0, 500]),
    ...             unseen={"UA": 240, "AA": 260},
    ...         ),
    ...         Held(
    ...             name="carrier",
    ...             reference=carrier,
    ...             counts=np.array([0.0, 0, 500]),
    ...             unseen={"JFK": 300, "LGA": 200},
    ...         ),
    ...     ]
    ... )
    [('origin', 'carrier')]
    """
    moved = [column for column in columns if _has_left(column)]
    follows = {column.name: _resembles(column, moved) for column in moved}
    return [pair for ring in _rings(follows) for pair in _pairs(ring)]


def _has_left(column: Held) -> bool:
    if column.counts.sum() < _MIN_SAMPLES:
        return False
    if _distance(column, column.reference) >= _FAR:
        return True
    # Few bins, such as those of a flag, can hide how far values are.
    moved = _moments(column, column.reference)
    return moved is not None and (moved[0] > _MOVED or moved[1] > math.log(_STD))


def _resembles(column: Held, others: Sequence[Held]) -> str | None:
    """The column whose reference these values are nearest to, if near enough."""
    own = _distance(column, column.reference)
    near = min(_NEAR + _noise(column), own / 2.0)
    found = [
        (distance + _mismatch(column, other.reference), other.name)
        for other in others
        if other.name != column.name and (distance := _distance(column, other.reference)) <= near
    ]
    mismatch, name = min(found, default=(math.inf, ""))
    return name if mismatch < math.inf else None


def _mismatch(column: Held, other: Reference) -> float:
    """How little the moments of the values are the other's, 0 and up; infinite where they are not, or nothing can be told."""
    if not isinstance(other, NumericReference) or not isinstance(column.reference, NumericReference):
        return 0.0
    moved = _moments(column, other)
    if moved is None:
        # Bins must tell by themselves, and they do not where all lies in one.
        return 0.0 if rebin(other, column.reference).max(initial=0.0) < _BLIND else math.inf
    off, stretched = moved
    if off > _MEAN + 4.0 / math.sqrt(column.counts.sum()) or stretched > math.log(_STD):
        return math.inf
    return off + stretched


def _moments(column: Held, reference: Reference) -> tuple[float, float] | None:
    """How many standard deviations the mean is off, and by which factor (its logarithm) the standard deviation."""
    if column.mean is None or column.std is None or not isinstance(reference, NumericReference):
        return None
    std = max(reference.std, MIN_STD)
    return abs(column.mean - reference.mean) / std, abs(math.log(max(column.std, MIN_STD) / std))


def _distance(column: Held, other: Reference) -> float:
    """From the values of a column to a reference, its own or another's: Jensen-Shannon over what they can be counted by."""
    if isinstance(other, CategoricalReference):
        return _distance_of_names(column, other)
    if not isinstance(column.reference, NumericReference):
        return math.inf
    bins = Bins.of(column.reference)
    try:
        found = cells(bins, "js", float(column.counts.sum()))
    except NotComputableError:
        found = np.arange(len(bins.shares))
    now = fold(column.counts, found)
    return float(js(fold(rebin(other, column.reference), found), now / now.sum()))


def _distance_of_names(column: Held, other: CategoricalReference) -> float:
    """Over the names that both know, what has no name on either side, and names that the reference does not know."""
    if not isinstance(column.reference, CategoricalReference):
        return math.inf
    total = float(column.counts.sum())
    counts: dict[str, float] = dict(zip(column.reference.shares, column.counts.tolist(), strict=False))
    counts.update(column.unseen)
    held = {name: count / total for name, count in counts.items() if count > 0.0}
    both = [name for name in held if name in other.shares]
    before = [other.shares[name] for name in both]
    now = [held[name] for name in both]
    strange = math.fsum(share for name, share in held.items() if name not in other.shares)
    nameless_before, nameless = 1.0 - math.fsum(before), 1.0 - math.fsum(now) - strange
    return float(
        js(
            np.array([*before, max(nameless_before, 0.0), 0.0]),
            np.array([*now, max(nameless, 0.0), strange]),
        )
    )


def _noise(column: Held) -> float:
    """The distance that chance alone makes: the root of (B − 1) / (8 n ln 2)."""
    bins = min(len(column.reference.shares), 10)
    return math.sqrt(bins / (8.0 * math.log(2.0) * float(column.counts.sum())))


def rebin(reference: NumericReference, bins: NumericReference) -> Floats:
    """The shares that a reference would have in the bins of another.

    By its distribution function: straight between its edges, but where a bin is heavier than bins of equal mass are, it
    holds one common value, its upper edge.

    >>> one = NumericReference(
    ...     n=9, missing=0, mean=1, std=1, minimum=0, maximum=1, edges=[0.0], shares=[0.5, 0.5]
    ... )
    >>> two = NumericReference(
    ...     n=9, missing=0, mean=1, std=1, minimum=0, maximum=4, edges=[0.5, 3.0], shares=[0.4, 0.3, 0.3]
    ... )
    >>> rebin(one, two)
    array([0.5, 0.5, 0. ])
    """
    shares = Bins.of(reference).shares
    if reference is bins:
        return shares
    edges = np.array(reference.edges)
    ends = np.append(edges, max(reference.maximum, *edges[-1:]))
    starts = np.insert(edges, 0, min(reference.minimum, ends[0]))
    starts = np.where(shares > _ATOM, np.nextafter(ends, -np.inf), np.minimum(starts, ends))
    above = np.cumsum(shares)
    places = np.column_stack((starts, ends)).ravel()
    below = np.column_stack((above - shares, above)).ravel()
    at = np.interp(np.array(bins.edges), places, below, left=0.0, right=1.0)
    found: Floats = np.diff(at, prepend=0.0, append=1.0)
    return np.maximum(found, 0.0)


def _rings(follows: Mapping[str, str | None]) -> list[list[str]]:
    """The rings of a map from each name to at most one other, each from its first name on."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in follows:
        path: list[str] = []
        name: str | None = start
        while name is not None and name not in seen and name not in path:
            path.append(name)
            name = follows.get(name)
        if name in path:
            found.append(path[path.index(name) :])
        seen.update(path)
    return found


def _pairs(ring: list[str]) -> list[tuple[str, str]]:
    if len(ring) == 2:
        return [(ring[0], ring[1])]
    return list(zip(ring, [*ring[1:], ring[0]], strict=True))
