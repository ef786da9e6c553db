"""Which score means which probability: a map fitted on the reference rows."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import isotonic_regression

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import IsotonicMap
from monitor_stream.profile.rounding import significant

#: A probability may be off by so much for the map to have fewer points: in all .0005, with its rounding.
_THINNED: Final = 0.00045
_DIGITS: Final = 4


def fit(scores: Floats, positive: Floats) -> IsotonicMap:
    """The increasing map from score to share of positives that is nearest to the rows.

    Pool adjacent violators, as in scikit-learn's ``IsotonicRegression(out_of_bounds="clip")``; of its points those are left
    without which the map would change by more than .0005 somewhere.

    Parameters
    ----------
    scores, positive
        Of shape (rows,), one row at least: the scores, and 1 where the row was positive, else 0.

    Examples
    --------
    >>> fit(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    IsotonicMap(scores=[0.1, 0.2, 0.3, 0.4], probabilities=[0.0, 0.5, 0.5, 1.0])

    References
    ----------
    Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.
    Douglas and Peucker (1973), Algorithms for the reduction of the number of points required to represent a line.
    """
    points, place, rows = np.unique(scores, return_inverse=True, return_counts=True)
    shares = np.bincount(place, positive) / rows
    level = np.clip(isotonic_regression(shares, weights=rows).x, 0.0, 1.0)
    left = _thinned(points, level)
    # Scores with more than six digits may fall together: the map goes on from the last of them.
    known = {significant(float(points[at])): round(float(level[at]), _DIGITS) for at in left.tolist()}
    return IsotonicMap(scores=list(known), probabilities=list(known.values()))


def _thinned(points: Floats, level: Floats) -> Ints:
    """Places of the points that are needed: between two of them the straight line is near enough."""
    needed = {0, len(points) - 1}
    open_ = [(0, len(points) - 1)]
    while open_:
        first, last = open_.pop()
        if last - first < 2:
            continue
        inside = slice(first + 1, last)
        line = np.interp(points[inside], points[[first, last]], level[[first, last]])
        off = np.abs(level[inside] - line)
        worst = int(np.argmax(off))
        if off[worst] > _THINNED:
            middle = first + 1 + worst
            needed.add(middle)
            open_ += [(first, middle), (middle, last)]
    return np.array(sorted(needed))
