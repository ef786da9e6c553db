"""The bins in which scores are held against what came true: of equal mass on the reference, or of equal width."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec, NumericReference
from monitor_stream.events.tables import CALIBRATION_BINS


def calibration_edges(spec: ModelSpec) -> Floats:
    """Inner edges, ascending, at most `CALIBRATION_BINS` − 1: a score belongs to ``searchsorted(edges, score)``.

    Deciles of the spec's score reference, as near as its bins allow; without one (and in a multiclass task, whose
    highest probability has none) ten bins of equal width.

    >>> calibration_edges(ModelSpec(model="m", task="binary")).round(1).tolist()
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    """
    if spec.task != "binary" or not isinstance(spec.score, NumericReference) or not spec.score.edges:
        return np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS
    below = np.cumsum(spec.score.shares)[:-1]
    wanted = np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS
    nearest = np.abs(below[:, None] - wanted[None, :]).argmin(axis=0)
    edges: Floats = np.array(spec.score.edges)[np.unique(nearest)]
    return edges
