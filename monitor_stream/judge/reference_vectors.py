"""The vectors that later ones are held against."""

from __future__ import annotations

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift, DriftSpan
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import FEATURES, split_component
from monitor_stream.judge.components import are_components, vectors
from monitor_stream.judge.drift.evaluate import levels
from monitor_stream.judge.drift.vectors import Moments, judge_vector
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.reference_rows import SPANS
from monitor_stream.judge.sums import Block, PackedBlock, Sums

#: Of a row of `features`, what the moments of a component are made of.
_KEPT = [FEATURES.index("values"), FEATURES.index("sum"), FEATURES.index("sum_squared")]


class VectorsState(msgspec.Struct, array_like=True):
    """Sums of components by span, and the spec they were read under."""

    digest: str = ""
    spans: list[PackedBlock] = []


class ReferenceVectors:
    """A spec holds no moments of components, so they come from the stream, as sampled rows do: of the first spans under it in
    which no column had drifted, or, where the reference slides, of the last ones.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._state = VectorsState()

    def judge(self, span: DriftSpan, values: Sums, spec: ModelSpec) -> list[ColumnDrift]:
        """How far each vector of a span, whose columns were judged, is from those before; remember them where they may serve."""
        names = vectors(spec)
        if not names:
            return []
        known = self._state.spans if self._state.digest == span.reference else []
        now, before = _components(values, spec), Block(len(_KEPT))
        for each in map(Block.unpack, known if len(known) == SPANS else ()):
            before.add(each.groups, each.rows)
        slides = spec.drift.sliding_spans > 0
        if len(now) and (
            slides or (len(known) < SPANS and not any(column.drifted for column in span.columns))
        ):
            self._keep(span.reference, [*known, now.pack()][-SPANS:])
        then, held = _moments(before), _moments(now)
        alpha = levels(spec, span).one
        return [
            judge_vector(
                name,
                then.get(name, _NONE),
                held.get(name, _NONE),
                alpha,
                design_effect=_design_effect(spec, name),
            )
            for name in names
        ]

    def _keep(self, digest: str, spans: list[PackedBlock]) -> None:
        self._state = VectorsState(digest, spans)
        self._journal.put(key("vectors", *self._owner), lambda: pack(self._state))

    def restore(self, data: bytes) -> None:
        """Take back the sums."""
        self._state = unpack(VectorsState, data)


_NONE = Moments.of(np.zeros(0), np.zeros(0), np.zeros(0))


def _components(values: Sums, spec: ModelSpec) -> Block:
    block = values.tables.get("features", Block(len(FEATURES)))
    kept = np.array(are_components(block.groups, spec), bool)
    components = Block(len(_KEPT))
    groups = [group for group, keep in zip(block.groups, kept.tolist(), strict=True) if keep]
    components.add(groups, block.rows[kept][:, _KEPT])
    return components


def _moments(block: Block) -> dict[str, Moments]:
    """By vector; a component that no value came for has a count of 0."""
    rows: dict[str, dict[int, Floats]] = {}
    for group, row in block:
        name, index = split_component(group) or (group, 0)
        rows.setdefault(name, {})[index] = row
    nothing = np.zeros(len(_KEPT))
    return {
        name: Moments.of(*np.array([some.get(at, nothing) for at in range(max(some) + 1)]).T)
        for name, some in rows.items()
    }


def _design_effect(spec: ModelSpec, name: str) -> float:
    """How much more than chance spans differ, by what is known of the vector's norm."""
    calibrations = spec.drift.columns.get(name)
    return max(calibrations[0].design_effect, 1.0) if calibrations else 1.0
