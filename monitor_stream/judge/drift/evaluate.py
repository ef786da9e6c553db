"""The histograms of a span against the references of its spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift, DriftSpan
from monitor_stream.events.spec import ModelSpec, Reference
from monitor_stream.events.tables import PREDICTION, SCORE, TARGET


def references(spec: ModelSpec) -> dict[str, Reference]:
    """The columns that can be judged, in the order of the spec, answers and truth last."""
    return dict(_references(spec))


def has_reference(spec: ModelSpec) -> bool:
    """Whether any column can be judged."""
    return next(_references(spec), None) is not None


def _references(spec: ModelSpec) -> Iterator[tuple[str, Reference]]:
    special = ((PREDICTION, spec.prediction), (SCORE, spec.score), (TARGET, spec.label))
    for column, reference in (*((feature.name, feature.reference) for feature in spec.features), *special):
        if reference is not None:
            yield column, reference


def shares(columns: Sequence[ColumnDrift], spec: ModelSpec) -> tuple[float | None, float | None]:
    """Which share of the features that could be judged has drifted, and the same by importance.

    >>> from monitor_stream.events.spec import Feature
    >>> spec = ModelSpec(
    ...     model="m",
    ...     task="binary",
    ...     features=[
    ...         Feature(name="a", kind="numeric", importance=3.0),
    ...         Feature(name="b", kind="numeric", importance=1.0),
    ...     ],
    ... )
    >>> moved = [
    ...     ColumnDrift(column="a", n=900, value=0.4, drifted=True),
    ...     ColumnDrift(column="b", n=900, value=0.0),
    ... ]
    >>> shares(moved, spec)
    (0.5, 0.75)
    """
    importance = {feature.name: feature.importance or 0.0 for feature in spec.features}
    judged = [column for column in columns if column.column in importance and column.value is not None]
    if not judged:
        return None, None
    drifted = [column for column in judged if column.drifted]
    whole = sum(importance[column.column] for column in judged)
    weighted = sum(importance[column.column] for column in drifted) / whole if whole > 0.0 else None
    return len(drifted) / len(judged), weighted


def evaluate(span: DriftSpan, spec: ModelSpec, counts: Mapping[str, Floats]) -> DriftSpan:
    """The span with what its counts say."""
    columns: list[ColumnDrift] = []
    drifted, weighted = shares(columns, spec)
    return msgspec.structs.replace(
        span, columns=columns, drifted_share=drifted, drifted_share_weighted=weighted
    )
