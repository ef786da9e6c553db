"""How far the mean error of spans lies apart beyond what sampling explains, and how long it stays there."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints

#: A span counts as at most so many standard deviations from the middle: a blizzard is one bad day, not the measure of all.
_CUT: Final = 2.0
_BISECTIONS: Final = 60
#: The largest persistence that is believed; a longer memory is a trend, which no reference can tell from a change.
_MOST: Final = 0.7


def between(means: Floats, counts: Ints, std: float) -> float:
    r"""The standard deviation of span means beyond sampling; 0 where sampling explains them, or there is but one.

    The estimator of Paule and Mandel with Huber's cut: the :math:`τ^2` at which

    .. math:: \frac{1}{k} \sum_i \min\Bigl(\frac{(m_i - M)^2}{τ^2 + s^2 / n_i},\; c^2\Bigr)
              = \Bigl(1 - \frac{1}{k}\Bigr) \operatorname{E} \min(Z^2, c^2)

    with M the median of the means, Z standard normal and c = 2. It takes spans of different size at their worth, is
    consistent for normal spans, and one span in twenty that is beyond all bounds raises it by a tenth.

    Parameters
    ----------
    means, counts
        Of shape (k,): the mean error of each span, and of how many errors (1 or more).
    std
        Standard deviation of a single error.

    Examples
    --------
    >>> between(np.array([0.2, 0.3, 0.25, 0.15]), np.array([10, 10, 10, 10]), 0.4)
    0.0
    >>> round(between(np.array([0.2, 0.3, 0.25, 0.15]), np.array([1000, 1000, 1000, 1000]), 0.4), 3)
    0.066

    References
    ----------
    Paule and Mandel (1982), Consensus values and weighting factors, J. Res. Natl. Bur. Stand. 87.
    Huber (1981), Robust Statistics, section 5.2 (proposal 2).
    """
    spans = len(means)
    if spans < 2:
        return 0.0
    squares = (means - np.median(means)) ** 2
    sampling = std * std / counts
    target = _EXPECTED * (1.0 - 1.0 / spans)
    tiny = np.finfo(np.float64).tiny

    def excess(variance: float) -> float:
        return float(np.minimum(squares / np.maximum(variance + sampling, tiny), _CUT * _CUT).mean()) - target

    if excess(0.0) <= 0.0:
        return 0.0
    # With four times the largest square as variance no ratio is above a quarter, below the target for two spans.
    low, high = 0.0, 4.0 * float(squares.max())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return math.sqrt(high)


def persistence(means: Floats) -> float:
    r"""The correlation of the mean of one span with that of the next, to be on the safe side.

    The first autocorrelation, each mean cut at two standard deviations, without its bias of
    :math:`-(1 + 3 r) / k` in short series, and one standard error :math:`1 / \sqrt{k}` more; between 0 and 0.7.

    >>> persistence(np.array([1.0, 2.0] * 20))
    0.0
    >>> round(persistence(np.repeat([1.0, 2.0, 1.5, 1.0], 5)), 2)
    0.7

    References
    ----------
    Kendall (1954), Note on bias in the estimation of autocorrelation, Biometrika 41.
    """
    spans = len(means)
    if spans < 3:
        return 0.0
    deviation = means - np.median(means)
    cut = _CUT * 1.4826 * float(np.median(np.abs(deviation)))
    if cut == 0.0:
        return 0.0
    deviation = np.clip(deviation, -cut, cut)
    found = float(deviation[1:] @ deviation[:-1]) / float(deviation @ deviation)
    return min(max(found + (1.0 + 3.0 * found) / spans + 1.0 / math.sqrt(spans), 0.0), _MOST)


def _expected() -> float:
    """The mean of min(Z², c²) for a standard normal Z."""
    inside = math.erf(_CUT / math.sqrt(2.0))
    density = math.exp(-_CUT * _CUT / 2.0) / math.sqrt(2.0 * math.pi)
    return inside - 2.0 * _CUT * density + _CUT * _CUT * (1.0 - inside)


_EXPECTED: Final = _expected()
