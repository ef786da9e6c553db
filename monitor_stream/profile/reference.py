"""What a column looked like on the reference rows."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import CategoricalReference, Kind, NumericReference, Reference
from monitor_stream.judge.drift.reference import edges_of
from monitor_stream.profile.cells import category_name
from monitor_stream.profile.column import Column
from monitor_stream.profile.rounding import ceil, edge, floor, near, significant
from monitor_stream.profile.tally import Tally


def readable_edges(values: Floats) -> Floats:
    """The edges of equal-mass bins (see `edges_of`), each with as few digits as part the same values, but at least six.

    >>> readable_edges(np.array([0.123456789, 6.0, 6.0, 7.0]))
    array([0.123457, 6.      ])
    """
    if not len(values):
        return np.empty(0)
    values = np.sort(values)
    edges = edges_of(values)
    following = values[np.searchsorted(values, edges, side="right")]
    return np.array([edge(float(value), float(next_)) for value, next_ in zip(edges, following, strict=True)])


def reference(column: Column, kind: Kind, tally: Tally) -> Reference | None:
    """The reference of a column, None where it has no value."""
    if not tally.totals.sum():
        return None
    return _numeric(column, kind, tally) if tally.names is None else _categorical(column, tally)


def _numeric(column: Column, kind: Kind, tally: Tally) -> NumericReference:
    numbers = column.numbers[kind]
    width = numbers.maximum - numbers.minimum
    return NumericReference(
        n=column.rows,
        missing=significant(tally.missing / column.rows),
        missing_std=significant(tally.missing_std()),
        mean=near(numbers.mean, numbers.std),
        std=significant(numbers.std),
        minimum=floor(numbers.minimum, width),
        maximum=ceil(numbers.maximum, width),
        edges=tally.edges.tolist(),
        shares=_shares(tally.totals),
        seasons=_seasons(tally),
    )


def _categorical(column: Column, tally: Tally) -> CategoricalReference:
    def name_of(text: str) -> str:
        return category_name(text, column.type)

    tally.arrange(name_of)
    *shares, other = _shares(tally.totals)
    names = list(map(name_of, tally.names or ()))
    return CategoricalReference(
        n=column.rows,
        missing=significant(tally.missing / column.rows),
        missing_std=significant(tally.missing_std()),
        shares=dict(zip(names, shares, strict=True)),
        other=other,
        distinct=column.distinct or 0,
        singletons=column.singletons,
        seasons=_seasons(tally),
    )


def _seasons(tally: Tally) -> list[list[float]]:
    """The shares for each hour of the week.

    Each hour is drawn to the shares of all by as many values as there are bins: an hour of few rows says little.
    """
    if tally.hours is None:
        return []
    drawn = tally.hours + tally.totals / tally.totals.sum() * tally.bins
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    return [[significant(float(share), 4) for share in hour] for hour in shares]


def _shares(counts: Ints) -> list[float]:
    total = counts.sum()
    return [significant(float(count / total)) for count in counts]
