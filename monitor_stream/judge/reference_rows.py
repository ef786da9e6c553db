"""The sampled rows that later ones are held against."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import SAMPLE_ROWS, Sample
from monitor_stream.events.results import ColumnDrift, DriftSpan
from monitor_stream.events.spec import ModelSpec, Reference
from monitor_stream.events.tables import PREDICTION, SCORE
from monitor_stream.judge.drift.evaluate import levels
from monitor_stream.judge.drift.multivariate import judge_rows
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.sampled import SampledRows, together

#: Spans that the rows are of: a week at defaults, since Saturdays differ from Mondays.
SPANS: Final = 7
#: Rows of them together: twice as many as are held against them. More cost time and show little more.
ROWS: Final = 2 * SAMPLE_ROWS
#: A column that differs from span to span by so many times more than chance, a weekday, tells days apart, and no change.
UNSTEADY: Final = 10.0


class RowsState(msgspec.Struct, array_like=True):
    """Rows by span, and the spec they were sampled under."""

    digest: str = ""
    samples: list[Sample] = []


class ReferenceRows:
    """A spec holds no rows, so they come from the stream: of the first spans under it in which no column had drifted, or, where
    the reference slides, of the last ones.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._state = RowsState()

    def judge(self, span: DriftSpan, sampled: SampledRows, spec: ModelSpec) -> list[ColumnDrift]:
        """How far the rows of a span, whose columns were judged, are from those before; remember them where they may serve."""
        before = [
            SampledRows.of(sample) for sample in self._state.samples if self._state.digest == span.reference
        ]
        whole = together([*before, sampled])
        first = len(whole.hashes) - len(sampled.hashes) if len(before) == SPANS else 0
        judged = judge_rows(
            whole.rows[:first],
            whole.rows[len(whole.hashes) - len(sampled.hashes) :],
            _references(whole, spec),
            levels(spec, span).one,
            design_effect=_design_effect(spec),
        )
        slides = spec.drift.sliding_spans > 0
        if slides or (len(before) < SPANS and not any(column.drifted for column in span.columns)):
            self._keep(span.reference, [*before, sampled.first(ROWS // SPANS)][-SPANS:])
        return judged

    def _keep(self, digest: str, samples: list[SampledRows]) -> None:
        self._state = RowsState(digest, [sample.packed(0) for sample in samples])
        self._journal.put(key("rows", *self._owner), lambda: pack(self._state))

    def restore(self, data: bytes) -> None:
        """Take back the rows."""
        self._state = unpack(RowsState, data)


def _references(rows: SampledRows, spec: ModelSpec) -> list[Reference | None]:
    """Of each column of the rows: features in the order of the spec or as described, then the answer; none of unsteady ones."""
    width = rows.rows.shape[1] - 1
    features = [feature.name for feature in spec.features[:width]]
    if rows.columns:
        features = [column.name for column in rows.columns]
    references = {feature.name: feature.reference for feature in spec.features}
    answer = {"binary": SCORE, "regression": PREDICTION}.get(spec.task, "")
    references |= {SCORE: spec.score, PREDICTION: spec.prediction}
    names = [*features, *[""] * (width - len(features)), answer]
    return [None if _effect(spec, name) >= UNSTEADY else references.get(name) for name in names]


def _effect(spec: ModelSpec, column: str) -> float:
    """How much more than chance spans differ in a column."""
    calibrations = spec.drift.columns.get(column)
    return calibrations[0].design_effect if calibrations else 1.0


def _design_effect(spec: ModelSpec) -> float:
    """The same in the middle of the features that are steady."""
    effects = [_effect(spec, feature.name) for feature in spec.features]
    steady = [effect for effect in effects if effect < UNSTEADY]
    return float(np.median(steady)) if steady else 1.0
