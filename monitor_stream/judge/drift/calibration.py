r"""How far chance alone carries a distance: p-values, expectations and thresholds that know n.

A distance T has a quadratic form U, itself for ``psi`` and ``kl`` and its square for the others. When nothing has moved, U is
about proportional to c = 1/n + 1/m for a window of n and a reference of m values, and U/c is about gamma distributed: that law
is a `Calibration`. `simulation.calibrate` measures it, `closed_forms.closed_form` approximates it without.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from monitor_stream.events.spec import Calibration, Distance

#: Distances that are quadratic in the shares' changes as they are.
QUADRATIC: frozenset[Distance] = frozenset({"psi", "kl"})


def p_value(calibration: Calibration, value: float, n: float, m: float) -> float:
    """How often a distance is at least so large, over windows of n values, when nothing has moved.

    Parameters
    ----------
    n, m
        How many values the window and the reference hold.

    >>> law = Calibration(
    ...     method="psi", sizes=[100], shapes=[4.5], scales=[2.0]
    ... )  # χ² with 9 degrees of freedom
    >>> round(p_value(law, 21.67 * (1 / 500 + 1 / 10_000), 500, 10_000), 4)
    0.01
    """
    shape, scale = law(calibration, n, m)
    return float(special.gammaincc(shape, quadratic(calibration.method, value) / scale))


def threshold(calibration: Calibration, alpha: float, n: float, m: float) -> float:
    """The distance that is reached so seldom: the inverse of `p_value`.

    >>> law = Calibration(method="psi", sizes=[100], shapes=[4.5], scales=[2.0])
    >>> round(threshold(law, 0.01, 500, 10_000), 4)
    0.0455
    """
    shape, scale = law(calibration, n, m)
    return root(calibration.method, scale * float(special.gammainccinv(shape, alpha)))


def expected(calibration: Calibration, n: float, m: float) -> float:
    """The mean of the distance when nothing has moved: what chance adds to it.

    >>> law = Calibration(method="psi", sizes=[100], shapes=[4.5], scales=[2.0])
    >>> round(expected(law, 500, 10_000), 4)
    0.0189
    """
    shape, scale = law(calibration, n, m)
    if calibration.means:
        mean = float(np.interp(math.log(n), np.log(calibration.sizes), calibration.means))
        return mean * root(calibration.method, calibration.design_effect * (1.0 / n + 1.0 / m))
    if calibration.method in QUADRATIC:
        return shape * scale
    # The mean of the root of a gamma variable.
    return math.sqrt(scale) * math.exp(special.gammaln(shape + 0.5) - special.gammaln(shape))


def law(calibration: Calibration, n: float, m: float) -> tuple[float, float]:
    """Shape and scale of the gamma law of U for this n and m."""
    at, places = math.log(n), np.log(calibration.sizes)
    shape = float(np.interp(at, places, calibration.shapes))
    scale = float(np.interp(at, places, calibration.scales))
    return shape, scale * calibration.design_effect * (1.0 / n + 1.0 / m)


def quadratic(method: Distance, value: float) -> float:
    """U of a distance."""
    return value if method in QUADRATIC else value * value


def root(method: Distance, u: float) -> float:
    """The distance of a U."""
    return u if method in QUADRATIC else math.sqrt(u)
