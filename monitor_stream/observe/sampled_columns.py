"""What the columns of sampled rows are, and the numbers they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitor_stream.events.delta import Floats, SampleColumn
from monitor_stream.events.spec import CategoricalReference, Feature
from monitor_stream.events.tables import MAX_COLUMNS
from monitor_stream.observe.categories import Categories
from monitor_stream.observe.features import Learned
from monitor_stream.observe.histograms import BOOLEANS


class SampledColumns:
    """The columns of the features that are sampled, as they are known now.

    `described` is empty where the references of the spec say all of them.
    """

    def __init__(self, features: Sequence[Feature | Learned], categories: Mapping[str, Categories]) -> None:
        self._columns = [
            SampleColumn(feature.name, feature.kind or "numeric", _codes(feature, categories))
            for feature in features[:MAX_COLUMNS]
        ]
        known = all(isinstance(f, Feature) and f.reference is not None for f in features[:MAX_COLUMNS])
        self.described = [] if known else self._columns

    def rows(self, matrix: Floats, answers: Floats) -> Floats:
        """Rows as they travel, from a matrix of features that may have fewer columns, and what was answered."""
        rows = np.full((len(matrix), len(self._columns) + 1), np.nan)
        width = min(matrix.shape[1], len(self._columns))
        rows[:, :width] = matrix[:, :width]
        rows[:, -1] = answers
        rows[~np.isfinite(rows)] = np.nan
        for values, column in zip(rows.T, self._columns, strict=False):
            if column.kind == "categorical":
                np.minimum(values, len(column.codes), out=values)
            elif column.kind == "boolean" and column.codes:
                places = [
                    column.codes.index(name) if name in column.codes else len(column.codes)
                    for name in BOOLEANS
                ]
                there = np.isfinite(values)
                values[there] = np.array(places, float)[values[there].astype(np.int64)]
        return rows


def _codes(feature: Feature | Learned, categories: Mapping[str, Categories]) -> list[str]:
    reference = feature.reference if isinstance(feature, Feature) else None
    if isinstance(reference, CategoricalReference):
        return list(reference.shares)
    return categories[feature.name].met if feature.kind == "categorical" else []
