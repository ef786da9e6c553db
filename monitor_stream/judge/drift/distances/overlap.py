"""Distances that say how much of two histograms does not overlap, 0 to 1: total variation, Hellinger, Cramér's V."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats


def tvd(reference: Floats, now: Floats) -> Floats:
    r"""Total variation distance :math:`\frac12 \sum |a - e|`: the share of values that would have to move.

    Parameters
    ----------
    reference, now
        Shares, ``(cells,)`` and ``(..., cells)``.

    >>> float(tvd(np.array([0.5, 0.5]), np.array([0.25, 0.75])))
    0.25
    """
    result: Floats = np.abs(now - reference).sum(axis=-1) / 2.0
    return result


def hellinger(reference: Floats, now: Floats) -> Floats:
    r"""Hellinger distance :math:`\sqrt{\frac12 \sum (\sqrt a - \sqrt e)^2}`.

    >>> float(hellinger(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    result: Floats = np.sqrt(((np.sqrt(now) - np.sqrt(reference)) ** 2).sum(axis=-1) / 2.0)
    return np.minimum(result, 1.0)


def cramers_v(reference: Floats, now: Floats) -> Floats:
    r"""χ² as an effect size: Cramér's V of the table of reference and now, each weighed as one half.

    :math:`V^2 = \frac12 \sum (a - e)^2 / (a + e)`. Equal weights take n out of it: V of raw counts would fall as the window
    grows smaller against its reference, for the same change. It is finite where the reference has an empty cell.

    >>> round(float(cramers_v(np.array([0.5, 0.5]), np.array([0.25, 0.75]))), 4)
    0.2582

    References
    ----------
    Cramér (1946), Mathematical methods of statistics, chapter 21.
    """
    both = now + reference
    terms = np.divide((now - reference) ** 2, both, out=np.zeros_like(both), where=both > 0.0)
    result: Floats = np.sqrt(np.minimum(terms.sum(axis=-1) / 2.0, 1.0))
    return result
