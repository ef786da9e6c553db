"""What the features of predictions add to the tables `features`, `histograms` and `unseen`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Feature
from monitor_stream.events.tables import (
    FEATURES,
    MAX_COLUMNS,
    MAX_UNSEEN,
    PREDICTION,
    SCORE,
    TARGET,
    TableName,
    segment_group,
)
from monitor_stream.observe.feature_sums import FeatureSums
from monitor_stream.observe.features import FeatureReader, FeatureRows, Learned
from monitor_stream.observe.histograms import BOOLEANS, Bins, Histograms, bins_of
from monitor_stream.observe.sums import GROUPS, Rows, Windows, by_window

#: Groups of the tables `features` and `histograms` that are no features.
ANSWERS: Final = (PREDICTION, SCORE, TARGET)
#: In the codes of groups they come first, then the features, and far behind them the components of vectors.
_FEATURES: Final = len(ANSWERS)
_COMPONENTS: Final = GROUPS // 2
#: Group codes of the values of one feature in `unseen`.
_VALUES: Final = MAX_UNSEEN + 1


class FeatureTables:
    """Adds up the features that one reader reads; it follows what the reader learns."""

    def __init__(self, reader: FeatureReader) -> None:
        self._reader = reader
        self._count = -1

    def observe(
        self, windows: Windows, spans: Windows, rows: FeatureRows, table: Callable[[TableName], Rows]
    ) -> None:
        """Add up predictions; `spans` has the drift span of each."""
        if self._count != len(self._reader.names):
            self._follow()
        matrix, components = rows.matrix, rows.components
        if not rows.given.all():
            given = rows.given.nonzero()[0]
            windows, spans = windows.select(given), spans.select(given)
            matrix, components = matrix[given], components[given]
        if not matrix.size:
            return
        unseen = self._count_unseen(windows, matrix, table)
        numbers, sums = self._sums.sums(windows, matrix, unseen)
        keys = (numbers[:, None] * GROUPS + _FEATURES + np.arange(sums.shape[1])[None, :]).ravel()
        sums = sums.reshape(-1, len(FEATURES))
        seen = sums[:, 0] > 0.0
        table("features").add(keys[seen], sums[seen])
        if components.shape[1]:
            self._add_components(windows, components, table("features"))
        self._histograms.add(table("histograms"), spans, matrix)

    def group(self, table: TableName, code: int) -> str:
        """The group of a code of a feature."""
        if table == "unseen":
            name, value = self._reader.names[code // _VALUES], code % _VALUES
            categories = self._reader.categories[name]
            return segment_group(name, categories.name(categories.base + value))
        if code >= _COMPONENTS:
            return self._reader.vectors.components[code - _COMPONENTS]
        return self._reader.names[code - _FEATURES]

    def _follow(self) -> None:
        features = self._reader.features
        self._count = len(features)
        self._sums = FeatureSums(features, learned=self._reader.learns)
        self._histograms = Histograms(
            {
                _FEATURES + at: _bins(feature) if at < MAX_COLUMNS else None
                for at, feature in enumerate(features)
            }
        )
        complete = {
            at: float(self._reader.categories[feature.name].base)
            for at, feature in enumerate(features)
            if feature.kind == "categorical" and self._reader.categories[feature.name].complete
        }
        self._complete, self._known = np.array(list(complete), np.int64), np.array(list(complete.values()))

    def _count_unseen(
        self, windows: Windows, matrix: Floats, table: Callable[[TableName], Rows]
    ) -> Floats | None:
        """Count values that a reference with all names has not; a matrix of which they are."""
        if not len(self._complete):
            return None
        values = matrix[:, self._complete]
        unseen = (values >= self._known) & np.isfinite(values)
        events, columns = np.nonzero(unseen)
        marks = np.zeros(matrix.shape)
        marks[events, self._complete[columns]] = 1.0
        places = (values[events, columns] - self._known[columns]).astype(np.int64)
        table("unseen").add_each(windows.select(events), self._complete[columns] * _VALUES + places)
        return marks

    @staticmethod
    def _add_components(windows: Windows, components: Floats, rows: Rows) -> None:
        there = np.isfinite(components)
        values = np.where(there, components, 0.0)
        numbers, counts = by_window(windows, there.astype(np.float64))
        sums = np.zeros((*counts.shape, len(FEATURES)))
        sums[:, :, 0] = counts
        sums[:, :, 5] = by_window(windows, values)[1]
        sums[:, :, 6] = by_window(windows, values * values)[1]
        keys = (numbers[:, None] * GROUPS + _COMPONENTS + np.arange(counts.shape[1])[None, :]).ravel()
        some = counts.ravel() > 0.0
        rows.add(keys[some], sums.reshape(-1, len(FEATURES))[some])


def _bins(feature: Feature | Learned) -> Bins | None:
    if not isinstance(feature, Feature):
        return None
    return bins_of(
        feature.reference,
        BOOLEANS if feature.kind == "boolean" else None,
        coded=feature.kind == "categorical",
    )
