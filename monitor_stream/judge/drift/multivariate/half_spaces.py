"""Half-space trees: whether rows lie where rows of the reference seldom do."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Self

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.judge.drift.bins import NotComputableError
from monitor_stream.judge.drift.multivariate.folds import FOLDS, held_out

TREES: Final = 20
HEIGHT: Final = 7
#: A node with fewer rows than this share of those that were learned is not gone into any deeper (Tan et al.).
LEAST: Final = 0.1
#: Encoded values lie within so many standard deviations.
_WIDE: Final = 5.0
_SEED: Final = 1
#: Standard deviations of a score below this are those of rounding.
_NOTHING: Final = 1e-9


class HalfSpaces(NamedTuple):
    """`value`: how many standard deviations of a single row's score the mean score differs from the reference's; `error`: its
    standard error.
    """

    value: float
    error: float


class Forest(NamedTuple):
    """Trees that split the unit cube in halves.

    Shapes ``(trees, 2**height - 1)``: `features`, which column each inner node asks; `thresholds`, from which value on a row goes
    right. The children of node i are 2 i + 1 and 2 i + 2.
    """

    features: Ints
    thresholds: Floats

    @classmethod
    def grow(cls, width: int, *, trees: int = TREES, height: int = HEIGHT, seed: int = _SEED) -> Self:
        """Trees over so many columns: each node halves the range that is left of a column drawn at random.

        Every tree begins with ranges of its own, wider than the cube, so that no two split at the same values.
        """
        rng = np.random.default_rng(seed)
        features, thresholds = (np.zeros((trees, 2**height - 1), kind) for kind in (np.int64, np.float64))
        centre = rng.random((trees, 1, width))
        reach = 2.0 * np.maximum(centre, 1.0 - centre)
        low, high = centre - reach, centre + reach
        for level in range(height):
            nodes = 2**level
            here = slice(nodes - 1, 2 * nodes - 1)
            drawn = rng.integers(0, width, (trees, nodes))
            at = drawn[:, :, None]
            middle = (np.take_along_axis(low, at, 2) + np.take_along_axis(high, at, 2)) / 2.0
            features[:, here], thresholds[:, here] = drawn, middle[:, :, 0]
            below, above = high.copy(), low.copy()
            np.put_along_axis(below, at, middle, 2)
            np.put_along_axis(above, at, middle, 2)
            low = np.stack((low, above), axis=2).reshape(trees, 2 * nodes, width)
            high = np.stack((below, high), axis=2).reshape(trees, 2 * nodes, width)
        return cls(features, thresholds)

    def paths(self, rows: Floats) -> Ints:
        """The nodes that rows of values in [0, 1] come through: shape ``(height + 1, rows, trees)``."""
        each = np.arange(len(self.features))[None, :]
        path = [np.zeros((len(rows), len(self.features)), np.int64)]
        for _ in range(self.features.shape[1].bit_length()):
            node = path[-1]
            value = np.take_along_axis(rows, self.features[each, node], axis=1)
            path.append(2 * node + 1 + (value >= self.thresholds[each, node]))
        return np.stack(path)


def masses(paths: Ints) -> Floats:
    """How many rows came through each node: shape ``(trees, nodes)``."""
    levels, _, trees = paths.shape
    nodes = int(2**levels - 1)
    counts = np.bincount((paths + np.arange(trees) * nodes).ravel(), minlength=trees * nodes)
    return counts.reshape(trees, nodes).astype(np.float64)


def scores(paths: Ints, learned: Floats) -> Floats:
    """Of each row, from 0, among many of those that were learned, to 1, far from all.

    As ``HalfSpaceTrees.score_one`` of river after one window of these.

    Parameters
    ----------
    paths
        See `Forest.paths`.
    learned
        See `masses`.

    >>> forest = Forest.grow(2)
    >>> learned = masses(forest.paths(np.random.default_rng(0).normal(0.5, 0.05, (500, 2))))
    >>> common, rare = scores(forest.paths(np.array([[0.5, 0.5], [0.9, 0.1]])), learned)
    >>> bool(rare > common)
    True
    """
    levels, _, trees = paths.shape
    there = learned[np.arange(trees)[None, None, :], paths]
    count = float(learned[0, 0])
    # A node of few rows still counts, and nothing below it.
    there[1:] *= np.logical_and.accumulate(there[:-1] >= LEAST * count, axis=0)
    total = (there * 2.0 ** np.arange(levels)[:, None, None]).sum(axis=(0, 2))
    found: Floats = 1.0 - total / (trees * count * (2.0**levels - 1.0))
    return found


def half_spaces(reference: Floats, now: Floats) -> HalfSpaces:
    """How the scores of rows differ from those of the reference's own.

    Like `reconstruction`, the reference is its own judge: each fifth of it is scored by trees that learned the other four, and the
    rows of now by all five in turn.

    Parameters
    ----------
    reference, now
        Encoded rows, shapes ``(m, width)`` and ``(n, width)``, at least `folds.FOLDS` each.

    Raises `NotComputableError` where all rows of the reference score alike.

    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(1000, 4))
    >>> (
    ...     abs(half_spaces(rows[:500], rows[500:]).value) < 0.2,
    ...     half_spaces(rows[:500], 2.5 * rows[500:]).value > 0.5,
    ... )
    (True, True)

    References
    ----------
    Tan, Ting and Liu (2011), Fast anomaly detection for streaming data, IJCAI.
    """
    forest = Forest.grow(reference.shape[1])
    left, right = forest.paths(_scaled(reference)), forest.paths(_scaled(now))
    usual, present = np.empty(len(reference)), np.zeros(len(now))
    for out in held_out(len(reference)):
        learned = masses(left[:, ~out])
        usual[out] = scores(left[:, out], learned)
        present += scores(right, learned) / FOLDS
    scale = float(usual.std())
    if scale < _NOTHING:
        raise NotComputableError("the reference's rows are so alike that trees cannot tell them apart")
    variance = usual.var(ddof=1) / len(usual) + present.var(ddof=1) / len(present)
    return HalfSpaces((float(present.mean()) - float(usual.mean())) / scale, math.sqrt(variance) / scale)


def _scaled(rows: Floats) -> Floats:
    return np.clip((rows + _WIDE) / (2.0 * _WIDE), 0.0, 1.0)
