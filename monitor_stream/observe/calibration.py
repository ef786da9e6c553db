"""Scores held against what came true, by bins: the table `calibration`."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.calibration_bins import calibration_edges
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import CALIBRATION_BINS
from monitor_stream.observe.columns import Array
from monitor_stream.observe.segments import ALL
from monitor_stream.observe.sums import Rows, Windows


class CalibrationCounts:
    """Counts scored pairs, for all of them and for each sensitive group."""

    def __init__(self, spec: ModelSpec) -> None:
        self._edges = calibration_edges(spec)

    def add(
        self, rows: Rows, windows: Windows, sensitive: Array, confidence: Floats, came_true: Array
    ) -> None:
        """Count pairs: `sensitive` has a code for each of them and each sensitive name, a score of NaN is none.

        A row has a code for each group and bin.
        """
        scored = ~np.isnan(confidence)
        if not scored.all():
            some = scored.nonzero()[0]
            windows, sensitive = windows.select(some), sensitive[some]
            confidence, came_true = confidence[some], came_true[some]
        bins = np.searchsorted(self._edges, confidence)
        sums = np.stack([np.ones(len(bins)), confidence, came_true])
        rows.add_each(windows, ALL * CALIBRATION_BINS + bins, sums)
        for codes in sensitive.T:
            rows.add_each(windows, codes.astype(np.int64) * CALIBRATION_BINS + bins, sums)
