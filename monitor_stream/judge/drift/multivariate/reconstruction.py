"""PCA reconstruction error: whether features still hang together as they did."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.judge.drift.bins import NotComputableError
from monitor_stream.judge.drift.multivariate.folds import FOLDS, held_out

#: The share of the variance that the components must explain.
VARIANCE: Final = 0.65
#: Errors below, in standard deviations, are those of rounding.
_NOTHING: Final = 1e-6


class Reconstruction(NamedTuple):
    """`value`: by which share the mean error differs from `usual`, that of the reference; `error`: standard error of value."""

    value: float
    usual: float
    error: float


def reconstruction(reference: Floats, now: Floats) -> Reconstruction:
    r"""How the reconstruction error of rows differs from that of the reference's own.

    Components that explain 65 % of the reference's variance cannot tell the rest of a row: what they miss, a Euclidean distance, is
    its error. When features cease to go together, as when two were swapped, it changes, though each by itself may look as
    before. The reference is its own judge: each fifth of it is reconstructed by components of the other four, and the rows of now
    by all five in turn, so that both are strangers to them.

    Parameters
    ----------
    reference, now
        Encoded rows, shapes ``(m, width)`` and ``(n, width)``, at least `folds.FOLDS` each.

    Raises `NotComputableError` where the reference's rows are all alike, or on one line.

    >>> rng = np.random.default_rng(0)
    >>> together = np.repeat(rng.normal(size=(900, 1)), 3, axis=1) + 0.3 * rng.normal(size=(900, 3))
    >>> apart = rng.permuted(together[500:], axis=0)
    >>> (
    ...     reconstruction(together[:500], together[500:]).value < 0.1,
    ...     reconstruction(together[:500], apart).value > 1.0,
    ... )
    (True, True)

    References
    ----------
    NannyML, data reconstruction with PCA.
    """
    usual, present = np.empty(len(reference)), np.zeros(len(now))
    for out in held_out(len(reference)):
        mean, components = _fit(reference[~out])
        usual[out] = _errors(reference[out], mean, components)
        present += _errors(now, mean, components) / FOLDS
    scale = float(usual.mean())
    if scale < _NOTHING:
        raise NotComputableError("the reference's rows are so alike that components miss nothing of them")
    variance = usual.var(ddof=1) / len(reference) + present.var(ddof=1) / len(now)
    return Reconstruction(
        value=abs(float(present.mean()) / scale - 1.0), usual=scale, error=math.sqrt(variance) / scale
    )


def _fit(rows: Floats) -> tuple[Floats, Floats]:
    """Mean, and the components as columns."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    values, vectors = np.linalg.eigh(centred.T @ centred)
    explained = np.cumsum(values[::-1])
    count = int(np.searchsorted(explained, VARIANCE * explained[-1])) + 1
    # With all components nothing is left to miss.
    return mean, vectors[:, ::-1][:, : min(count, rows.shape[1] - 1)]


def _errors(rows: Floats, mean: Floats, components: Floats) -> Floats:
    centred = rows - mean
    missed = (centred**2).sum(axis=1) - ((centred @ components) ** 2).sum(axis=1)
    result: Floats = np.sqrt(np.maximum(missed, 0.0))
    return result
