"""Distances of cumulated shares, for values on an axis: Kolmogorov-Smirnov and Wasserstein."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats


def ks(reference: Floats, now: Floats) -> Floats:
    """Kolmogorov-Smirnov D, 0 to 1: the largest difference of the two distribution functions at the bins' edges.

    Parameters
    ----------
    reference, now
        Shares, ``(bins,)`` and ``(..., bins)``.

    >>> float(ks(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])))
    0.25
    """
    result: Floats = np.abs(np.cumsum(now - reference, axis=-1)[..., :-1]).max(axis=-1)
    return np.minimum(result, 1.0)


def wasserstein(reference: Floats, now: Floats, positions: Floats) -> Floats:
    r"""Wasserstein distance :math:`\int |F - G|`: how far values moved on average, in units of `positions`.

    Parameters
    ----------
    positions
        Where each bin's values lie, ascending, in standard deviations of the reference: see `bins.positions`.

    >>> float(wasserstein(np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5]), np.array([0.0, 1.0, 3.0])))
    1.5
    """
    gaps = np.diff(positions)
    result: Floats = np.abs(np.cumsum(now - reference, axis=-1)[..., :-1]) @ gaps
    return result
