"""From scores to probabilities, by the isotonic maps of a spec."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import IsotonicMap


class Isotonic:
    """One map: linear between its points, constant outside; NaN stays NaN.

    >>> Isotonic(IsotonicMap(scores=[0.2, 0.4], probabilities=[0.0, 0.5]))(np.array([0.1, 0.3, 1.0]))
    array([0.  , 0.25, 0.5 ])
    """

    def __init__(self, known: IsotonicMap) -> None:
        points = list(zip(known.scores, known.probabilities, strict=False))
        points.append((np.inf, points[-1][1]))  # numpy would let NaN pass for a single point
        self._scores = np.array([score for score, _ in points])
        self._probabilities = np.clip([probability for _, probability in points], 0.0, 1.0)

    def __call__(self, scores: Floats) -> Floats:
        probabilities: Floats = np.interp(scores, self._scores, self._probabilities)
        return probabilities


def isotonic_maps(maps: Mapping[str, IsotonicMap]) -> dict[str, Isotonic]:
    """The maps that have points, by their class."""
    return {name: Isotonic(known) for name, known in maps.items() if known.scores and known.probabilities}
