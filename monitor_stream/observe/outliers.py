"""Predictions that are unlike the reference, one by one: the table `outliers`."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.robust import middle_and_spread
from monitor_stream.events.spec import (
    CategoricalReference,
    CategoryPair,
    Feature,
    ModelSpec,
    NumericReference,
    OutlierRules,
)
from monitor_stream.events.tables import grouped
from monitor_stream.observe.columns import Array
from monitor_stream.observe.histograms import BOOLEANS
from monitor_stream.observe.sums import Rows, Windows
from monitor_stream.observe.values import MAX_NUMBER

#: In the codes of groups the rows that were looked at come first, then the reasons.
_REASONS: Final = 1

#: A column whose values differ by less than this is a constant.
_LEAST_REACH: Final = 1.0 / MAX_NUMBER


class Found(NamedTuple):
    """What was unlike the reference, one entry for each event and reason: how many times its cut, 1 for a category."""

    events: Ints
    reasons: Ints
    scores: Floats

    def select(self, some: Array) -> Found:
        """Some of the entries, by index."""
        return Found(self.events[some], self.reasons[some], self.scores[some])


NOTHING: Final = Found(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


class Outliers:
    """Looks at rows of features by the `OutlierRules` of a spec.

    `reasons` has what can make a row an outlier: features, and pairs of features.

    >>> shares = {"a": 0.5, "b": 0.5}
    >>> kinds = CategoricalReference(n=9, missing=0.0, shares=shares)
    >>> sizes = NumericReference(
    ...     n=9, missing=0.0, mean=0.0, std=1.0, minimum=-2.698, maximum=2.698, edges=[0.0], shares=[0.5, 0.5]
    ... )
    >>> spec = ModelSpec(
    ...     model="m",
    ...     task="binary",
    ...     features=[
    ...         Feature(name="kind", kind="categorical", reference=kinds),
    ...         Feature(name="size", kind="numeric", reference=sizes),
    ...     ],
    ...     outliers=OutlierRules(cuts={"size": 2.0}),
    ... )
    >>> outliers = Outliers(spec)
    >>> outliers.look(np.array([[0.0, 1.0], [2.0, 1.0], [1.0, -8.0], [np.nan, np.inf]]))
    Found(events=array([2, 1]), reasons=array([0, 1]), scores=array([2., 1.]))
    >>> outliers.reasons
    ['size', 'kind']
    """

    def __init__(self, spec: ModelSpec) -> None:
        rules = spec.outliers or OutlierRules()
        named = {feature.name: feature for feature in spec.features}
        columns = {name: (at, feature) for at, (name, feature) in enumerate(named.items())}
        self._numbers = _Numbers(rules.cuts, columns)
        self._categories = {
            name: _Category(at, feature.reference, boolean=feature.kind == "boolean")
            for name, (at, feature) in columns.items()
            if feature.kind in {"categorical", "boolean"}
            and isinstance(feature.reference, CategoricalReference)
        }
        complete = [name for name, category in self._categories.items() if category.complete]
        self._complete = complete if spec.outliers is not None else []
        self._pairs = [
            (pair, _seen(pair, self._categories[pair.first], self._categories[pair.second]))
            for pair in rules.pairs
            if pair.first in self._categories and pair.second in self._categories
        ]
        self.reasons = [
            *self._numbers.names,
            *self._complete,
            *(grouped(pair.first, pair.second) for pair, _ in self._pairs),
        ]

    def __bool__(self) -> bool:
        return bool(self.reasons)

    def look(self, matrix: Floats) -> Found:
        """All that is unlike the reference in rows of features."""
        parts = [self._numbers.look(matrix)]
        first = len(self._numbers.names)
        wanted = {*self._complete, *(name for pair, _ in self._pairs for name in (pair.first, pair.second))}
        codes = {name: self._categories[name].codes(matrix) for name in wanted}
        unlike = [codes[name] == self._categories[name].count for name in self._complete]
        unlike += [~seen[codes[pair.first], codes[pair.second]] for pair, seen in self._pairs]
        for reason, some in enumerate(unlike, first):
            events = some.nonzero()[0]
            parts.append(Found(events, np.full(len(events), reason), np.ones(len(events))))
        return Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def group(self, code: int) -> str:
        """The group of a code in the table."""
        return self.reasons[code - _REASONS] if code >= _REASONS else ""

    def observe(self, windows: Windows, matrix: Floats, given: Array, rows: Rows) -> Found:
        """Count rows, outliers, and what made them so; `given` tells which events have features at all."""
        found = self.look(matrix)
        unlike = np.zeros(len(matrix))
        unlike[found.events] = 1.0
        looked = given.nonzero()[0]
        rows.add_each(windows.select(looked), 0, np.stack([given[looked], unlike[looked]]))
        ones = np.ones(len(found.events))
        rows.add_each(
            windows.select(found.events), found.reasons + _REASONS, np.stack([np.zeros_like(ones), ones])
        )
        return found


class _Numbers:
    """Numeric features with a cut: their columns, medians, and how far from these a value may lie."""

    def __init__(self, cuts: dict[str, float], columns: dict[str, tuple[int, Feature]]) -> None:
        known = {
            name: (columns[name][0], *middle_and_spread(reference), cut)
            for name, cut in cuts.items()
            if name in columns and isinstance(reference := columns[name][1].reference, NumericReference)
        }
        usable = {name: row for name, row in known.items() if row[2] * row[3] > _LEAST_REACH}
        self.names = list(usable)
        self._columns = np.array([column for column, _, _, _ in usable.values()], np.int64)
        self._middle = np.array([middle for _, middle, _, _ in usable.values()])
        self._reach = np.array([spread * cut for _, _, spread, cut in usable.values()])

    def look(self, matrix: Floats) -> Found:
        distance = np.abs(matrix[:, self._columns] - self._middle)
        events, reasons = np.nonzero((distance > self._reach) & (distance < np.inf))  # infinite: no number
        return Found(events, reasons, distance[events, reasons] / self._reach[reasons])


class _Category:
    """One categorical feature: the codes of its values, which are `count` for one that the reference does not name. `by_name` has
    the codes in the order of the names.
    """

    def __init__(self, column: int, reference: CategoricalReference, *, boolean: bool) -> None:
        self._column = column
        names = list(reference.shares)
        self.count = len(names)
        self.by_name = sorted(range(self.count), key=names.__getitem__)
        self.complete = reference.other == 0.0
        self._missing = self.count + 1
        booleans = [names.index(name) if name in names else self.count for name in BOOLEANS]
        self._places = np.array(booleans) if boolean else None

    def codes(self, matrix: Floats) -> Ints:
        """Codes of a column; one more than that of an unseen value where there is none."""
        values = matrix[:, self._column]
        there = np.isfinite(values)
        codes = np.where(there, values, self._missing).astype(np.int64)
        if self._places is not None:
            codes[there] = self._places[codes[there]]
        else:
            codes[there] = np.minimum(codes[there], self.count)
        return codes


def _seen(pair: CategoryPair, first: _Category, second: _Category) -> Array:
    """Which codes may come together: values that are not known may with any."""
    seen = np.ones((first.count + 2, second.count + 2), bool)
    for at, mask in zip(first.by_name, pair.seen, strict=False):
        bits = int(mask, 16)
        seen[at, second.by_name] = [bool(bits >> place & 1) for place in range(second.count)]
    return seen
