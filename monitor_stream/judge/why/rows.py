"""Sampled rows as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from monitor_stream.events.spec import OTHER, CategoricalReference, Feature, Kind, ModelSpec
from monitor_stream.events.tables import PREDICTION, SCORE
from monitor_stream.judge.sampled import SampledRows
from monitor_stream.judge.why.facts import Value

#: Rows that are shown from either side.
ROWS: Final = 5
#: Features of a row that are shown: suspects first.
FEATURES: Final = 12
#: What stands for a value that nobody may see.
MASKED: Final = "***"


def readable(sampled: SampledRows, spec: ModelSpec) -> list[dict[str, Value]]:
    """The first rows by feature: a number, a category by its name, ``None`` where a value is missing; and the answer last.

    They are those of the smallest hashes, so a uniform sample. None at all where the spec does not want examples stored, and
    `MASKED` in place of the values of the features that it names.

    >>> import numpy as np
    >>> from monitor_stream.events.delta import SampleColumn
    >>> spec = ModelSpec(
    ...     model="m",
    ...     task="binary",
    ...     masked=["age"],
    ...     features=[Feature(name="age", kind="numeric"), Feature(name="carrier", kind="categorical")],
    ... )
    >>> columns = [SampleColumn("age", "numeric"), SampleColumn("carrier", "categorical", ["UA", "AA"])]
    >>> rows = np.array([[31.0, 1.0, 0.25], [52.0, 2.0, 0.75], [40.0, np.nan, 0.5]])
    >>> for row in readable(SampledRows(np.arange(3, dtype=np.uint64), rows, columns), spec):
    ...     print(row)
    {'age': '***', 'carrier': 'AA', '__score__': 0.25}
    {'age': '***', 'carrier': '__other__', '__score__': 0.75}
    {'age': '***', 'carrier': None, '__score__': 0.5}
    """
    if not spec.store_examples:
        return []
    columns, masked = _columns(sampled, spec), set(spec.masked)
    answer = {"binary": SCORE, "regression": PREDICTION}.get(spec.task)
    rows: list[dict[str, Value]] = []
    for numbers in sampled.rows[:ROWS].tolist():
        row: dict[str, Value] = {
            name: MASKED if name in masked else _value(number, kind, codes)
            for number, (name, kind, codes) in zip(numbers[:-1], columns, strict=False)
        }
        if answer is not None:
            row[answer] = MASKED if answer in masked else _value(numbers[-1], "numeric", ())
        rows.append(row)
    return rows


def narrowed(
    rows: Sequence[Mapping[str, Value]], first: Sequence[str], masked: Collection[str]
) -> list[dict[str, Value]]:
    """So many features of each row as are shown: those named first, then the others, then the answer; what has been masked
    since the rows were taken is masked in them too.
    """
    return [_narrowed(row, first, masked) for row in rows]


def _narrowed(row: Mapping[str, Value], first: Sequence[str], masked: Collection[str]) -> dict[str, Value]:
    features = [name for name in row if name not in {SCORE, PREDICTION}]
    ordered = [*(name for name in first if name in row), *(name for name in features if name not in first)]
    names = [*ordered[:FEATURES], *(name for name in (SCORE, PREDICTION) if name in row)]
    return {name: MASKED if name in masked else row[name] for name in names}


def _columns(sampled: SampledRows, spec: ModelSpec) -> list[tuple[str, Kind, Sequence[str]]]:
    if sampled.columns:
        return [(column.name, column.kind, column.codes) for column in sampled.columns]
    return [(feature.name, feature.kind, _codes(feature)) for feature in spec.features]


def _codes(feature: Feature) -> Sequence[str]:
    return list(feature.reference.shares) if isinstance(feature.reference, CategoricalReference) else ()


def _value(number: float, kind: Kind, codes: Sequence[str]) -> Value:
    if not math.isfinite(number):
        return None
    if kind == "boolean" and not codes:
        return "true" if number else "false"
    if kind in {"categorical", "boolean"}:
        return codes[int(number)] if 0 <= number < len(codes) else OTHER
    return number
