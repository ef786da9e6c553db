"""References for a model that has none, from sampled rows of its own stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.delta import SAMPLE_ROWS, Floats, Ints
from monitor_stream.events.spec import (
    Calibration,
    Feature,
    Kind,
    ModelSpec,
    NumericReference,
    Reference,
)
from monitor_stream.events.tables import HISTOGRAM_BINS, PREDICTION, SCORE
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.closed_forms import closed_form
from monitor_stream.judge.drift.folding import MIN_SIZE
from monitor_stream.judge.drift.methods import default_methods
from monitor_stream.judge.drift.reference import categorical_reference, numeric_reference
from monitor_stream.judge.drift.spread import design_effect
from monitor_stream.judge.sampled import SampledRows, together

#: A week of days has a week-end in it, and shows how far days lie apart; in so many rows deciles are known to a tenth.
MIN_SPANS: Final = 7
MIN_ROWS: Final = 2000
#: A span whose sample is full has at least so many values, and likely many more.
_LARGE: Final = 10_000
_BOOLEANS: Final = ["false", "true"]


class _Column(NamedTuple):
    """Values of a column, and the number of the span that each row is of; NaN where a value is missing."""

    kind: Kind
    codes: Sequence[str]
    values: Floats
    spans: Floats

    @property
    def there(self) -> int:
        return int(np.isfinite(self.values).sum())


def enough(samples: Sequence[SampledRows]) -> bool:
    """Whether references can be made of so many spans and rows."""
    return len(samples) >= MIN_SPANS and sum(len(sample.hashes) for sample in samples) >= MIN_ROWS


def learn(spec: ModelSpec, samples: Sequence[SampledRows], until: float) -> ModelSpec:
    """The spec with references and calibrations of sampled rows, one sample a span.

    A column with hardly any value gets none. Calibrations are closed forms, not simulations, which would take a minute; how much
    more than chance spans differ is measured on the samples.
    """
    rows = together(samples)
    spans = np.repeat(np.arange(len(samples)), [len(sample.hashes) for sample in samples]).astype(np.float64)
    n = _LARGE if any(len(sample.hashes) >= SAMPLE_ROWS for sample in samples) else spec.min_samples
    columns = _columns(rows, spans)
    learned = msgspec.structs.replace(spec, learned_until=until, created=spec.created or until)
    learned = msgspec.structs.replace(learned, features=_features(spec, columns))
    answers = _Column("numeric", (), rows.rows[:, -1], spans)
    reference = _reference(answers)
    if spec.task == "binary":
        learned = msgspec.structs.replace(learned, score=spec.score or reference)
        columns[SCORE] = answers
    if spec.task == "regression":
        learned = msgspec.structs.replace(learned, prediction=spec.prediction or reference)
        columns[PREDICTION] = answers
    calibrations = dict(_calibrations(learned, columns, n))
    return msgspec.structs.replace(
        learned, drift=msgspec.structs.replace(spec.drift, columns=spec.drift.columns | calibrations)
    )


def complete(spec: ModelSpec, learned: ModelSpec) -> ModelSpec:
    """The spec with what was learned under another one, as far as its features have the same names and kinds."""
    known = {(feature.name, feature.kind): feature.reference for feature in learned.features}
    features = [
        msgspec.structs.replace(feature, reference=known.get((feature.name, feature.kind)))
        for feature in spec.features
    ]
    same = spec.task == learned.task
    return msgspec.structs.replace(
        spec,
        features=features or learned.features,
        score=learned.score if same else None,
        prediction=learned.prediction if same else None,
        drift=msgspec.structs.replace(spec.drift, columns=learned.drift.columns),
        learned_until=learned.learned_until,
        created=spec.created or learned.created,
    )


def _columns(rows: SampledRows, spans: Floats) -> dict[str, _Column]:
    """By name; where sources took a feature for different things, as what most of its values are."""
    found: dict[str, _Column] = {}
    for described, values in zip(rows.columns, rows.rows.T, strict=False):
        column = _Column(described.kind, described.codes, values, spans)
        if described.name not in found or column.there > found[described.name].there:
            found[described.name] = column
    return found


def _features(spec: ModelSpec, columns: dict[str, _Column]) -> list[Feature]:
    if not spec.features:
        return [
            Feature(name=name, kind=column.kind, reference=_reference(column))
            for name, column in columns.items()
            if column.there
        ]
    return [
        msgspec.structs.replace(feature, reference=_reference(columns[feature.name]))
        if feature.reference is None
        and feature.name in columns
        and columns[feature.name].kind == feature.kind
        else feature
        for feature in spec.features
    ]


def _reference(column: _Column) -> Reference | None:
    there = column.values[np.isfinite(column.values)]
    if len(there) < MIN_SIZE:
        return None
    if not _names(column):
        return numeric_reference(there, len(column.values))
    names = _names(column)
    counts = np.bincount(there.astype(np.int64), minlength=len(names) + 1).tolist()
    named = {name: count for name, count in zip(names, counts, strict=False) if count}
    others = sum(counts[len(names) :])
    return categorical_reference(named, len(column.values), others=others) if named else None


def _names(column: _Column) -> Sequence[str]:
    """What the numbers of a categorical column stand for; empty for numbers."""
    return column.codes or (_BOOLEANS if column.kind == "boolean" else ())


def _calibrations(
    spec: ModelSpec, columns: dict[str, _Column], n: float
) -> Iterator[tuple[str, list[Calibration]]]:
    references = {feature.name: feature.reference for feature in spec.features}
    references |= {SCORE: spec.score, PREDICTION: spec.prediction}
    for name, column in columns.items():
        reference = references.get(name)
        if reference is None:
            continue
        found = []
        for method in default_methods(reference, n):
            try:
                bins = Bins.of(reference)
                form = closed_form(bins, method)
            except NotComputableError:
                continue
            found.append(design_effect(form, bins, _histograms(column, reference)))
        if found:
            yield name, found


def _histograms(column: _Column, reference: Reference) -> Floats:
    """The sampled values by span and bin, shape ``(spans, bins)``."""
    there = np.isfinite(column.values)
    values, spans = column.values[there], column.spans[there].astype(np.int64)
    bins = _bins(column, reference, values)
    width = min(len(reference.shares) + 1, HISTOGRAM_BINS)
    counts = np.zeros((int(column.spans.max()) + 1, width))
    np.add.at(counts, (spans, bins), 1.0)
    return counts[:, : len(reference.shares)] if isinstance(reference, NumericReference) else counts


def _bins(column: _Column, reference: Reference, values: Floats) -> Ints:
    if isinstance(reference, NumericReference):
        return np.searchsorted(reference.edges, values, side="left")
    place = {name: at for at, name in enumerate(reference.shares)}
    others = len(reference.shares)
    codes = np.array([*(place.get(name, others) for name in _names(column)), others], np.int64)
    return codes[np.minimum(values.astype(np.int64), len(codes) - 1)]
