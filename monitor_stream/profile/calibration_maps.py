"""The maps of a classification's estimator, from rows that have scores and labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import MAX_CLASSES, IsotonicMap, ModelSpec
from monitor_stream.observe.scoring.binary import BinaryScorer
from monitor_stream.observe.values import text
from monitor_stream.profile.cells import numbers
from monitor_stream.profile.isotonic import fit
from monitor_stream.replay.columns import Columns


class Scored(NamedTuple):
    """Scores of one class, NaN where there is none, and 1 where the label is that class, 0 where it is another, NaN where it does
    not fit. Shape (rows,).
    """

    name: str
    scores: Floats
    positive: Floats

    @property
    def known(self) -> Any:
        """Which rows have both."""
        return np.isfinite(self.scores) & np.isfinite(self.positive)


def scored_classes(rows: Any, spec: ModelSpec, columns: Columns) -> list[Scored]:
    """The scored classes of a table whose rows have labels; none in a regression, or without scores."""
    if spec.task == "regression" or columns.label is None:
        return []
    if spec.task == "binary":
        name = columns.score or columns.scores.get(spec.positive)
        scorer = BinaryScorer(spec)
        return [] if name is None else [_class(rows, columns.label, spec.positive, name, scorer.class_of)]
    named = [name for name in (spec.classes or sorted(columns.scores)) if name in columns.scores]
    return [
        _class(rows, columns.label, name, columns.scores[name], _is(name)) for name in named[:MAX_CLASSES]
    ]


def maps(classes: list[Scored], rows: Any) -> dict[str, IsotonicMap]:
    """A map for each class that some of the rows (a mask) are scored for."""
    found = {}
    for each in classes:
        chosen = each.known & rows
        if chosen.any():
            found[each.name] = fit(each.scores[chosen], each.positive[chosen])
    return found


def _class(rows: Any, label: str, name: str, column: str, is_positive: Callable[[Any], float]) -> Scored:
    labels = rows[label].to_pylist()
    known = {value: is_positive(value) for value in set(labels)}
    positive = np.fromiter(map(known.__getitem__, labels), np.float64, len(labels))
    return Scored(name, numbers(rows[column].combine_chunks()), positive)


def _is(name: str) -> Callable[[Any], float]:
    return lambda value: (
        np.nan if value is None else float((value if isinstance(value, str) else text(value)) == name)
    )
