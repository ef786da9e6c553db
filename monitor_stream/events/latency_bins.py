"""The bin of an answer time: counts by bin are sums, and quantiles come out of them."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.tables import LATENCY_BINS

#: Seconds; the first bin ends here, the last one is open above the greatest bound.
SHORTEST: Final = 1e-4
LONGEST: Final = 100.0

#: Each bound over the one before. A quantile told as the geometric middle of its bin is off by at most √1.117, 5.7 %.
GROWTH: Final = (LONGEST / SHORTEST) ** (1.0 / (LATENCY_BINS - 2))

#: Upper bounds of all bins but the last, in seconds.
BOUNDS: Final[Floats] = SHORTEST * GROWTH ** np.arange(LATENCY_BINS - 1)


def latency_bin(seconds: Floats) -> Ints:
    """The bin of each answer time, from 0 to `LATENCY_BINS` − 1: bins of equal width in log seconds.

    Source: the relative-error sketch of Masson, Rim and Lee (2019), DDSketch, with a fixed number of bins.

    >>> latency_bin(np.array([0.0, 0.0001, 0.01, 1000.0])).tolist()
    [0, 0, 43, 127]
    """
    return np.searchsorted(BOUNDS, seconds).astype(np.int64)


def quantile(counts: Floats, share: float) -> float | None:
    """The answer time below which a share of the counted ones lies, in seconds; ``None`` where nothing was counted.

    >>> counts = np.bincount(latency_bin(np.linspace(0.01, 1.0, 100)), minlength=LATENCY_BINS).astype(float)
    >>> round(quantile(counts, 0.5), 2)
    0.49
    """
    total = float(counts.sum())
    if total <= 0.0:
        return None
    place = min(int(np.searchsorted(np.cumsum(counts), share * total)), LATENCY_BINS - 1)
    if place == 0:
        return SHORTEST
    return float(BOUNDS[place - 1] * (GROWTH**0.5 if place < LATENCY_BINS - 1 else 1.0))
