"""Calibrations without simulation: the laws that distances tend to for large samples."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Calibration, Distance
from monitor_stream.judge.drift.bins import Bins
from monitor_stream.judge.drift.distances import Measure
from monitor_stream.judge.drift.folding import ladder

#: To second order all of these are multiples of χ² = Σ (a − e)² / e, which over c has B − 1 degrees of freedom.
_SHARE_OF_CHI2: Final[dict[Distance, float]] = {
    "psi": 1.0,
    "kl": 1.0 / 2.0,
    "js": 1.0 / (8.0 * math.log(2.0)),
    "hellinger": 1.0 / 8.0,
    "chi2": 1.0 / 4.0,
}
#: A gamma law with the tail of Kolmogorov's, P(D > d) = 2 exp(−2 d² / c), at .05 and .0001.
_KS: Final = (1.5299, 0.46588)


def closed_form(bins: Bins, method: Distance) -> Calibration:
    """A calibration from theory, where nobody simulated one. Raises `NotComputableError` as `Measure` does.

    For `psi`, `kl`, `js`, `hellinger` and `chi2` U/c is a multiple of χ² with one degree less than there are cells. For `ks` it is
    Kolmogorov's law, too careful for few bins. `tvd` and `wasserstein` are sums of absolute values of normal numbers: the
    gamma law has the mean and the variance of their sum.

    >>> decile = Bins(shares=np.full(10, 0.1), size=10_000.0, positions=np.arange(10.0))
    >>> form = closed_form(decile, "psi")
    >>> form.sizes[-1], form.shapes[-1], form.scales[-1]
    (50000, 4.5, 2.0)
    """
    sizes = ladder(bins, method)
    laws = [_law(Measure.of(bins, method, size)) for size in sizes]
    return Calibration(
        method=method,
        sizes=sizes,
        shapes=[shape for shape, _ in laws],
        scales=[scale for _, scale in laws],
    )


def _law(measure: Measure) -> tuple[float, float]:
    method, shares = measure.method, measure.shares
    if method == "ks":
        return _KS
    if method == "tvd":
        return _absolute_sum(np.full(len(shares), 0.5), np.diag(shares) - np.outer(shares, shares))
    if method == "wasserstein":
        below = np.cumsum(shares)[:-1]
        bridge = np.minimum.outer(below, below) - np.outer(below, below)
        return _absolute_sum(np.diff(measure.positions), bridge)
    degrees = int(np.count_nonzero(shares)) - 1
    return degrees / 2.0, 2.0 * _SHARE_OF_CHI2[method]


def _absolute_sum(weights: Floats, covariance: Floats) -> tuple[float, float]:
    r"""Shape and scale of the gamma law for the square of :math:`T = \sum w_i |z_i|`, z normal with mean 0.

    By the first two moments of T: :math:`E|z_i||z_j| = \frac2\pi \sigma_i \sigma_j (\sqrt{1-\rho^2} + \rho \arcsin \rho)`.
    The square of a gamma law's root has the mean kθ and the variance kθ².
    """
    stds = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(stds, stds)
    rho = np.clip(np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0.0), -1.0, 1.0)
    products = 2.0 / math.pi * scale * (np.sqrt(1.0 - rho**2) + rho * np.arcsin(rho))
    mean = math.sqrt(2.0 / math.pi) * float(weights @ stds)
    square = float(weights @ products @ weights)
    variance = max(square - mean * mean, 1e-12 * square)
    # For T nearly normal, var(T²) = 4 μ² var + 2 var².
    shape = square * square / (4.0 * mean * mean * variance + 2.0 * variance * variance)
    return shape, square / shape
