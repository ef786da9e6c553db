"""A matrix of features into sums by window and feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import Feature, NumericReference
from monitor_stream.events.tables import FEATURES
from monitor_stream.observe.features import Learned
from monitor_stream.observe.kinds import ABSENT, WRONG
from monitor_stream.observe.sums import Windows, by_window


class FeatureSums:
    """Sums of a matrix by window and feature: the rows of the table `features`, without their names."""

    def __init__(self, features: Sequence[Feature | Learned], *, learned: bool) -> None:
        self._learned = learned
        named = [feature if isinstance(feature, Feature) else None for feature in features]
        self._mean = np.array([_mean(feature) for feature in named])
        self._low = np.array([-np.inf if f is None or f.minimum is None else f.minimum for f in named])
        self._high = np.array([np.inf if f is None or f.maximum is None else f.maximum for f in named])
        self._bounded = bool(np.isfinite(self._low).any() or np.isfinite(self._high).any())
        self._categorical = np.array([feature.kind == "categorical" for feature in features], bool)
        self._numeric = ~self._categorical

    def sums(self, windows: Windows, matrix: Floats, unseen: Floats | None) -> tuple[Ints, Floats]:
        """Numbers of the windows, and sums of shape (windows, features, columns); `unseen` is 1 for each unseen value."""
        finite = np.isfinite(matrix)
        whole = bool(finite.all())
        value = matrix if whole else np.where(finite, matrix, self._mean)
        centred = value - self._mean
        numbers, total = by_window(windows, centred)
        sums = np.zeros((*total.shape, len(FEATURES)))
        ones = np.ones((len(matrix), 1))
        sums[:, :, 0] = by_window(windows, ones)[1]
        if not whole:
            absent = matrix == ABSENT
            missing = np.isnan(matrix)
            if self._learned:
                sums[:, :, 0] -= by_window(windows, absent.astype(np.float64))[1]
            else:
                missing |= absent
            sums[:, :, 1] = by_window(windows, missing.astype(np.float64))[1]
            sums[:, :, 2] = by_window(windows, (matrix == WRONG).astype(np.float64))[1]
        if self._bounded:
            outside = finite & ((value < self._low) | (value > self._high)) & self._numeric
            sums[:, :, 3] = by_window(windows, outside.astype(np.float64))[1]
        if unseen is not None:
            sums[:, :, 4] = by_window(windows, unseen)[1]
        sums[:, :, 5] = np.where(self._categorical, 0.0, total)
        sums[:, :, 6] = np.where(self._categorical, 0.0, by_window(windows, centred * centred)[1])
        return numbers, sums


def _mean(feature: Feature | None) -> float:
    known = feature is not None and isinstance(feature.reference, NumericReference)
    return feature.reference.mean if known else 0.0  # type: ignore[union-attr]
