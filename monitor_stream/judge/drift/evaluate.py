"""The histograms of a span against the references of its spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift, DriftSpan
from monitor_stream.events.spec import OTHER, CategoricalReference, ModelSpec, Reference
from monitor_stream.events.tables import (
    FEATURES,
    HISTOGRAM_BINS,
    MAX_COLUMNS,
    PREDICTION,
    SCORE,
    TARGET,
    split_segment,
)
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.budget import level
from monitor_stream.judge.drift.columns import Column, judge_columns
from monitor_stream.judge.drift.season import seasonal
from monitor_stream.judge.drift.swapped import Held, swapped
from monitor_stream.judge.moments import mean_and_std
from monitor_stream.judge.sums import Block, Sums

_NONE: Final[Floats] = np.zeros(HISTOGRAM_BINS)


def has_reference(spec: ModelSpec) -> bool:
    """Whether any column can be judged."""
    return next(_references(spec), None) is not None


def _references(spec: ModelSpec) -> Iterator[tuple[str, Reference]]:
    special = ((PREDICTION, spec.prediction), (SCORE, spec.score), (TARGET, spec.label))
    followed = spec.features[:MAX_COLUMNS]
    for column, reference in (*((feature.name, feature.reference) for feature in followed), *special):
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


def has_seasons(spec: ModelSpec) -> bool:
    """Whether any column is held against the hours that a span has rows in."""
    return any(reference.seasons for _, reference in _references(spec))


class Levels(NamedTuple):
    """The chance of a false alarm that a span may have, parted: for the label, for rows as a whole and for vectors, `one` each,
    and for the others together.
    """

    one: float
    others: float


def levels(spec: ModelSpec, span: DriftSpan) -> Levels:
    """See `Levels`. The label is judged days after the others, and what is said of them must not depend on when: so it is
    no member of their family, and has a share of the level like each of them. So have rows, and each vector.
    """
    alpha = level(spec.drift.false_alarms_per_month, (span.end - span.start).total_seconds())
    apart = 1 + (spec.label is not None) + sum(feature.kind == "vector" for feature in spec.features)
    one = alpha / (sum(column != TARGET for column, _ in _references(spec)) + apart)
    return Levels(one, alpha - apart * one)


class Observed(NamedTuple):
    """What was seen of a span.

    Parameters
    ----------
    counts
        Values by bin (`HISTOGRAM_BINS`) of the span, by column.
    recent
        The same of the spans before that stand in for the reference; a column that has too few there is held against its
        reference all the same. Empty where the reference does not slide.
    by_hour
        Predictions of the span by hour of the week, for references that have seasons: see `season.hours`.
    values
        Tables `features` and `unseen` of the span, by which values that were exchanged are told.
    """

    counts: Mapping[str, Floats]
    recent: Mapping[str, Floats]
    by_hour: Floats
    values: Sums


def evaluate(span: DriftSpan, spec: ModelSpec, seen: Observed) -> DriftSpan:
    """The span with its columns judged: the label's once it is `settled`, all others at once."""
    columns = [
        Column(
            name=name,
            reference=reference,
            counts=_of(reference, seen.counts.get(name, _NONE)),
            calibrations=spec.drift.columns.get(name, ()),
            bins=_bins(
                reference, _of(reference, seen.recent.get(name, _NONE)), seen.by_hour, spec.min_samples
            ),
        )
        for name, reference in _references(spec)
    ]
    early = [column for column in columns if column.name != TARGET]
    late = [column for column in columns if column.name == TARGET and span.settled]
    alpha = levels(spec, span)
    floors = spec.drift.floors
    judged = judge_columns(early, alpha.others, floors=floors)
    judged += judge_columns(late, alpha.one, floors=floors)
    judged += _not_followed(spec)
    drifted, weighted = shares(judged, spec)
    return msgspec.structs.replace(
        span,
        columns=judged,
        drifted_share=drifted,
        drifted_share_weighted=weighted,
        swapped=swapped(
            list(_held([column for column in early if column.name not in {PREDICTION, SCORE}], seen.values))
        ),
    )


def _not_followed(spec: ModelSpec) -> list[ColumnDrift]:
    """The features that there is no room for, told once, under the name of the first of them."""
    beyond = spec.features[MAX_COLUMNS:]
    said = f"the first of {len(beyond):,} features that are not followed: there is room for {MAX_COLUMNS:,}"
    return [ColumnDrift(column=feature.name, n=0, not_computable=said) for feature in beyond[:1]]


def _held(columns: Sequence[Column], values: Sums) -> Iterator[Held]:
    """What columns hold, with moments and names where the span's windows told them."""
    moments = values.tables.get("features", Block(len(FEATURES)))
    unseen: dict[str, dict[str, float]] = {}
    for group, row in values.tables.get("unseen", Block(1)):
        name, value = split_segment(group)
        if value != OTHER:  # these have no name, as those that a reference counts together
            unseen.setdefault(name, {})[value] = float(row[0])
    for column in columns:
        mean, std = mean_and_std(moments.row(column.name), column.reference)
        yield Held(
            name=column.name,
            reference=column.reference,
            counts=column.counts,
            mean=mean,
            std=std,
            unseen=unseen.get(column.name, {}),
        )


def _of(reference: Reference, counts: Floats) -> Floats:
    """The bins that a reference has, of those that travel."""
    return counts[: len(reference.shares) + isinstance(reference, CategoricalReference)]


def _bins(reference: Reference, recent: Floats, by_hour: Floats, enough: int) -> Bins | None:
    """What a column is held against where that is not its reference as a whole: the spans before, or the same hours."""
    try:
        if recent.sum() >= enough:
            return Bins.of(reference).standing_in(recent)
        return seasonal(reference, by_hour) if reference.seasons else None
    except NotComputableError:  # as the whole reference will say
        return None
