"""The gamma law whose upper tail fits a weighted sample."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from monitor_stream.events.delta import Floats

#: Where the tail is matched.
_LEVELS: Final = (0.1, 0.05, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
#: A level that fewer draws (as many as their weights are worth) speak for counts less.
_ENOUGH: Final = 100.0
_SHAPES: Final[Floats] = np.geomspace(0.1, 1000.0, 81)


def fit_tail(values: Floats, weights: Floats) -> tuple[float, float]:
    r"""Shape and scale of the gamma law with the survival function of a sample at levels from .1 to .0001.

    Parameters
    ----------
    values, weights
        Draws, at least 0, and what each counts; the weights have the mean 1 over all possible draws. Shape ``(draws,)``.

    It minimises the squares of the differences of log survival, for each shape by the best scale, over a grid of shapes and a
    finer one around the best. At a step of the sample, as counts of few values make it, the law passes a third of the way
    down: over levels the rate of alarms is about right, at a single one off by up to half a step, rather too low.

    >>> draws = special.gammainccinv(4.5, (np.arange(100_000) + 0.5) / 100_000) * 2.0
    >>> shape, scale = fit_tail(draws, np.ones(100_000))
    >>> round(shape, 1), round(scale, 1)
    (4.5, 2.0)
    """
    log_x, survival, trust = _tail(values, weights)
    if len(log_x) < 2:
        shapes = np.array([0.5])
    else:
        shapes = _SHAPES
        best = int(np.argmin(_fit(shapes, log_x, survival, trust)[0]))
        shapes = np.geomspace(shapes[max(best - 1, 0)], shapes[min(best + 1, len(shapes) - 1)], 33)
    loss, log_scales = _fit(shapes, log_x, survival, trust)
    best = int(np.argmin(loss))
    return float(shapes[best]), float(np.exp(log_scales[best]))


def _tail(values: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Log values at the levels, the share of the weights above them, and how far each is to be trusted."""
    order = np.argsort(-values, kind="stable")
    x, w = values[order], weights[order]
    above = np.cumsum(w) / len(w)
    worth = np.cumsum(w) ** 2 / np.maximum(np.cumsum(w**2), np.finfo(np.float64).tiny)
    places = np.searchsorted(above, _LEVELS)
    places = places[(places < len(x)) & (x[np.minimum(places, len(x) - 1)] > 0.0)]
    ends = np.unique(np.searchsorted(-x, -x[places], side="right") - 1)
    starts = np.searchsorted(-x, -x[ends], side="left")
    beyond = np.where(starts > 0, above[starts - 1], 0.0)
    trust = np.minimum(worth[ends] / _ENOUGH, 1.0)
    # Where a step is the last one, nothing lies beyond it.
    middle = np.where(beyond > 0.0, np.cbrt(above[ends] ** 2 * beyond), above[ends])
    return np.log(x[ends]), middle, trust


def _fit(shapes: Floats, log_x: Floats, survival: Floats, trust: Floats) -> tuple[Floats, Floats]:
    """The loss of each shape, and the log of its best scale."""
    k = shapes[:, None]
    quantile = special.gammainccinv(k, np.minimum(survival, 1.0))
    log_q = np.log(np.maximum(quantile, np.finfo(np.float64).tiny))
    # How much log survival changes with log x: turns a miss in x into a miss in probability.
    slope = np.exp(k * log_q - quantile - special.gammaln(k)) / survival
    weight = trust * slope**2
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    difference = log_x - log_q
    log_scale = (weight * difference).sum(axis=1)
    misses = slope * (difference - log_scale[:, None])
    return (trust * misses**2).sum(axis=1), log_scale
