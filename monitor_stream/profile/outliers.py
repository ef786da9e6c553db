"""When a single row is unlike the reference rows, and how many of these are so themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.robust import middle_and_spread
from monitor_stream.events.spec import Feature, ModelSpec, NumericReference, OutlierRules
from monitor_stream.observe.outliers import Outliers
from monitor_stream.observe.values import MAX_NUMBER
from monitor_stream.profile.category_pairs import pairs_of, telling
from monitor_stream.profile.cells import categories, followed
from monitor_stream.profile.column import Column
from monitor_stream.profile.readings import times
from monitor_stream.profile.rounding import significant
from monitor_stream.profile.rows import Progress, Rows
from monitor_stream.profile.spans import Spans
from monitor_stream.profile.tally import Tally, spread

#: The share of the reference rows beyond the cut of each numeric feature.
BEYOND: Final = 0.001
#: Rows below which no rules are made.
FEWEST: Final = 200
_ROUNDED: Final = 1e-5


def cut(values: Floats, reference: NumericReference) -> float | None:
    """The robust z beyond which a share of `BEYOND` lies; ``None`` for a constant.

    >>> reference = NumericReference(
    ...     n=2000,
    ...     missing=0.0,
    ...     mean=0.0,
    ...     std=1.0,
    ...     minimum=-1.349,
    ...     maximum=1.349,
    ...     edges=[0.0],
    ...     shares=[0.5, 0.5],
    ... )
    >>> cut(np.linspace(-3.0, 3.0, 2001), reference)
    2.99703
    """
    middle, unit = middle_and_spread(reference)
    if unit <= 0.0 or not len(values):
        return None
    highest = float(np.quantile(np.abs(values - middle) / unit, 1.0 - BEYOND, method="higher"))
    # A little more, lest rounding puts the row that gave the cut, and all that are like it, beyond it.
    return significant(highest * (1.0 + _ROUNDED)) if highest > 0.0 else None


def outlier_rules(
    rows: Rows,
    spec: ModelSpec,
    columns: Mapping[str, Column],
    tallies: Mapping[str, Tally],
    spans: Spans,
    *,
    time: str | None,
    progress: Progress,
) -> OutlierRules | None:
    """The rules for the features of a spec, by a third reading of the rows; ``None`` where there is nothing to go by."""
    features = spec.features
    if rows.count < FEWEST or not features:
        return None
    cuts, numeric = {}, []
    for feature in features:
        if isinstance(feature.reference, NumericReference):
            found = cut(columns[feature.name].numbers[feature.kind].sample(), feature.reference)
            if found is not None:
                cuts[feature.name] = found
                numeric.append(feature)
    alone = Outliers(_numbers(spec, numeric, cuts))
    names = {
        feature.name: pa.array(sorted(told), pa.string())  # as masks of pairs count them
        for feature in features
        if (told := tallies[feature.name].names) is not None
    }
    pairs = pairs_of({name: len(told) for name, told in names.items()})
    held, beyond = np.zeros(spans.slots, np.int64), np.zeros(spans.slots, np.int64)
    wanted = [*cuts, *dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second))]
    wanted += [time] if time is not None and time not in wanted else []
    for block in rows.blocks(wanted, "Comparing", progress) if wanted else ():
        at = times(block, time)
        slots = spans.of(np.full(len(block), np.nan) if at is None else at)
        held += np.bincount(slots, minlength=spans.slots)
        matrix = _matrix(block, numeric, columns, at)
        beyond += np.bincount(slots[np.unique(alone.look(matrix).events)], minlength=spans.slots)
        codes = {name: _codes(block[name], told) for name, told in names.items() if name in wanted}
        for pair in pairs:
            pair.see(codes[pair.first], codes[pair.second], slots)
    kept = telling(pairs, held)
    novel = [pair.novel(spans.slots) for pair in kept]
    novel += [_unheard(tallies[feature.name]) for feature in features if _complete(feature, tallies)]
    hits = beyond + sum(novel, start=np.zeros(spans.slots, np.int64))
    # Of a feature, the next row is the furthest of all with a chance of one in n + 1.
    share = hits.sum() / rows.count + len(cuts) / (rows.count + 1)
    return OutlierRules(
        cuts=cuts,
        pairs=[pair.rule() for pair in kept],
        share=significant(min(float(share), 1.0), 4),
        std=significant(spread(hits[:-1], held[:-1]), 4),
    )


def _numbers(spec: ModelSpec, features: list[Feature], cuts: dict[str, float]) -> ModelSpec:
    """The spec of some features and their cuts alone."""
    return ModelSpec(model=spec.model, task=spec.task, features=features, outliers=OutlierRules(cuts=cuts))


def _matrix(
    block: Any, features: Sequence[Feature], columns: Mapping[str, Column], at: Floats | None
) -> Floats:
    """Numbers of rows as OBSERVE has them, a column a feature, NaN where there is none."""
    matrix = np.full((len(block), len(features)), np.nan)
    for place, feature in enumerate(features):
        name = feature.name
        values = followed(block[name].combine_chunks(), feature.kind, at, name, columns[name].dimension)
        np.copyto(matrix[:, place], values, where=np.abs(values) <= MAX_NUMBER)
    return matrix


def _codes(column: Any, names: Any) -> Ints:
    """Places of categories; what is missing, or among the rest, is beyond all."""
    found = pc.index_in(categories(column.combine_chunks()), value_set=names)
    return np.asarray(pc.fill_null(found, len(names))).astype(np.int64)


def _complete(feature: Feature, tallies: Mapping[str, Tally]) -> bool:
    names, totals = tallies[feature.name].names, tallies[feature.name].totals
    return names is not None and not totals[-1]


def _unheard(tally: Tally) -> Ints:
    """Rows of each slot whose value came in no other; with a single slot, in no other row."""
    counts = tally.counts[:, :-2]
    if len(counts) < 2:
        return np.array([np.count_nonzero(counts.sum(axis=0) == 1)])
    once = np.count_nonzero(counts, axis=0) == 1
    found: Ints = counts[:, once].sum(axis=1)
    return found
