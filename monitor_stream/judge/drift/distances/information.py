r"""Distances that weigh a share by the logarithm of its change: PSI, Kullback-Leibler, Jensen-Shannon."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats

#: An empty cell counts as this share, on either side: the rule of Evidently and of most banks.
FLOOR: Final = 1e-4


def psi(reference: Floats, now: Floats) -> Floats:
    r"""Population stability index :math:`\sum (a - e) \ln(a / e)`, shares at least 1e-4.

    Parameters
    ----------
    reference, now
        Shares, ``(cells,)`` and ``(..., cells)``.

    >>> round(float(psi(np.array([0.5, 0.5]), np.array([0.25, 0.75]))), 4)
    0.2747

    References
    ----------
    Yurdakul (2018), Statistical properties of population stability index.
    """
    e, a = np.maximum(reference, FLOOR), np.maximum(now, FLOOR)
    result: Floats = ((a - e) * np.log(a / e)).sum(axis=-1)
    return result


def kl(reference: Floats, now: Floats) -> Floats:
    r"""Kullback-Leibler divergence of now from the reference, :math:`\sum a \ln(a / e)` in nats, shares at least 1e-4.

    >>> round(float(kl(np.array([0.5, 0.5]), np.array([0.25, 0.75]))), 4)
    0.1308
    """
    e, a = np.maximum(reference, FLOOR), np.maximum(now, FLOOR)
    # Floored shares add up to a little more than 1, which could push the sum below 0.
    result: Floats = np.maximum((a * np.log(a / e)).sum(axis=-1), 0.0)
    return result


def js(reference: Floats, now: Floats) -> Floats:
    r"""Jensen-Shannon distance, 0 to 1: the root of the divergence to base 2. Empty cells need no rule.

    >>> float(js(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0

    References
    ----------
    Lin (1991), Divergence measures based on the Shannon entropy.
    """
    middle = (reference + now) / 2.0
    divergence = (_entropy_terms(reference, middle) + _entropy_terms(now, middle)) / 2.0
    result: Floats = np.sqrt(np.clip(divergence / math.log(2.0), 0.0, 1.0))
    return result


def _entropy_terms(shares: Floats, middle: Floats) -> Floats:
    # 0 · ln 0 is 0; the shift by the smallest float changes no other term.
    tiny = np.finfo(np.float64).tiny
    result: Floats = (shares * np.log((shares + tiny) / (middle + tiny))).sum(axis=-1)
    return result
