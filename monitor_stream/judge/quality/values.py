"""Checks on the values of one feature in a run of windows, against the reference's own shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Feature, NumericReference
from monitor_stream.events.tables import FEATURES
from monitor_stream.judge.quality.tails import chance_of_count, least_share

#: A missing share is told only when it is above the usual by this much: less is real and nobody cares.
MISSING_FLOOR: Final = 0.01
#: Names of unseen values that a sentence has room for.
_NAMED: Final = 5
_WHAT: Final = {
    "missing": "is missing",
    "wrong_type": "is of a wrong type",
    "out_of_range": "lies outside the reference's range",
    "unseen": "has values the reference never had",
}
_COLUMN: Final = {name: at for at, name in enumerate(FEATURES)}


class Check(NamedTuple):
    """One check of one feature: how many of n values have the fault, what is usual, and what is still likely."""

    name: str
    faults: float
    n: float
    usual: float
    limit: float
    chance: float
    firing: bool
    detail: str


class Usual(NamedTuple):
    """The share of values with a fault that is usual, and its standard deviation from span to span."""

    share: float
    spread: float = 0.0


def check_values(feature: Feature, row: Floats, unseen: Mapping[str, float], alpha: float) -> Iterator[Check]:
    """Check one feature.

    Parameters
    ----------
    row
        Its sums, by `monitor_stream.events.tables.FEATURES`.
    unseen
        Values that the reference does not know, with their counts.
    alpha
        The chance of a false alarm that each check may have.
    """
    n = float(row[_COLUMN["values"]])
    for name, usual, floor in _usual(feature):
        count = float(row[_COLUMN[name]])
        chance = chance_of_count(count, n, usual.share, usual.spread)
        limit = max(least_share(n, usual.share, usual.spread, alpha), usual.share + floor)
        yield Check(
            name,
            count,
            n,
            usual.share,
            limit,
            chance,
            chance <= alpha and count / n >= usual.share + floor,
            f"{feature.name} {_WHAT[name]}{_names(unseen) if name == 'unseen' else ''} in {100 * count / n:.3g}% of {n:,.0f} values, "
            f"usually in {100 * usual.share:.2g}%.",
        )


def _usual(feature: Feature) -> Iterator[tuple[str, Usual, float]]:
    """The checks a feature has, with what is usual; a fault the reference never had is as likely as it could hide."""
    reference = feature.reference
    if reference is None:
        return
    hidden = 0.5 / (reference.n + 1)
    yield "missing", Usual(max(reference.missing, hidden), reference.missing_std), MISSING_FLOOR
    yield "wrong_type", Usual(hidden), 0.0
    if isinstance(reference, NumericReference):
        # A new value lies outside the range of n others with a chance of 2 / (n + 1), whatever their distribution.
        yield "out_of_range", Usual(2.0 / (reference.n + 1)), 0.0
    elif reference.other == 0.0:
        # Good and Turing: the share of what was never seen is that of what was seen once.
        yield "unseen", Usual(max(reference.singletons, 0.5) / (reference.n + 1)), 0.0


def _names(unseen: Mapping[str, float]) -> str:
    most = sorted(unseen.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
    return f" ({', '.join(f'{name!r} {count:,.0f} times' for name, count in most)})" if most else ""


def named(features: Sequence[Feature]) -> dict[str, Feature]:
    """Features by name, those with a reference.

    >>> list(named([Feature(name="a", kind="numeric")]))
    []
    """
    return {feature.name: feature for feature in features if feature.reference is not None}
