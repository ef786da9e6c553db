"""The absolute error to be expected of a prediction, by the loss model of a spec."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import CategoricalReference, LossModel, ModelSpec, NumericReference, Reference
from monitor_stream.events.tables import PREDICTION
from monitor_stream.observe.histograms import BOOLEANS

#: The column of the prediction, which stands in no matrix of features.
_PREDICTION = -1


class _Column(NamedTuple):
    """`weights` has one entry a bin of `edges` (a value at an edge belongs below), and a last one for what is no value."""

    place: int
    edges: Floats
    weights: Floats


class ExpectedErrors:
    """Sums of weights by the bins of a spec's references, see `LossModel`.

    A column that the spec does not describe, or whose weights are not one for each bin and one for missing values, adds nothing.
    """

    def __init__(self, spec: ModelSpec, model: LossModel) -> None:
        self._intercept = model.intercept
        known = {
            feature.name: (at, feature.kind, feature.reference) for at, feature in enumerate(spec.features)
        }
        known[PREDICTION] = (_PREDICTION, "numeric", spec.prediction)
        columns = [
            _column(*known[name], np.array(weights, np.float64))
            for name, weights in model.weights.items()
            if name in known
        ]
        self._columns = [column for column in columns if column is not None]

    def __call__(self, matrix: Floats, rows: Ints, predictions: Floats) -> Floats:
        """The error to be expected of each prediction: `rows` tells its row of the matrix of features."""
        total = np.full(len(rows), self._intercept)
        for place, edges, weights in self._columns:
            values = predictions if place == _PREDICTION else matrix[rows, place]
            bins = edges.searchsorted(values)
            bins[~np.isfinite(values)] = -1
            total += weights[bins]
        expected: Floats = np.maximum(total, 0.0)
        return expected


def _column(place: int, kind: str, reference: Reference | None, weights: Floats) -> _Column | None:
    if isinstance(reference, NumericReference):
        edges = np.array(reference.edges, np.float64)
        return _Column(place, edges, weights) if len(weights) == len(edges) + 2 else None
    if not isinstance(reference, CategoricalReference) or len(weights) != len(reference.shares) + 2:
        return None
    names = list(reference.shares)
    if kind == "boolean":
        places = [names.index(name) if name in names else len(names) for name in BOOLEANS]
        return _Column(place, np.zeros(1), weights[[*places, -1]])
    return _Column(place, np.arange(len(names), dtype=np.float64), weights)
