"""Half-space trees against river's, and on rows whose change is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitor_stream.events.delta import Floats
from monitor_stream.judge.drift.bins import NotComputableError
from monitor_stream.judge.drift.multivariate.half_spaces import Forest, half_spaces, masses, scores

TREES, HEIGHT, WINDOW = 6, 5, 400


def rivers(rows: Floats) -> Any:
    """River's trees after one window of rows."""
    from river.anomaly import HalfSpaceTrees  # slow to import

    trees: Any = HalfSpaceTrees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=5)
    for row in rows.tolist():
        trees.learn_one(dict(enumerate(row)))
    return trees


def split_as(trees: Any) -> Forest:
    """A forest with the same splits."""
    inner = 2**HEIGHT - 1
    features, thresholds = np.zeros((TREES, inner), np.int64), np.zeros((TREES, inner))
    for number, root in enumerate(trees.trees):
        level = [root]
        for at in range(inner):
            node = level[at]
            features[number, at], thresholds[number, at] = node.feature, node.threshold
            level += node.children
    return Forest(features, thresholds)


def test_scores_are_those_of_river() -> None:
    """With the splits of its trees, after one window of the same rows, to the last digit that is stable."""
    rng = np.random.default_rng(1)
    learned, fresh = rng.beta(4, 4, (WINDOW, 3)), rng.random((200, 3))
    trees = rivers(learned)
    theirs = [trees.score_one(dict(enumerate(row))) for row in fresh.tolist()]
    forest = split_as(trees)
    ours = scores(forest.paths(fresh), masses(forest.paths(learned)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_each_tree_parts_the_whole_space() -> None:
    """Every row ends in one leaf; a node's rows are those of its children."""
    rng = np.random.default_rng(2)
    found = masses(Forest.grow(4).paths(rng.random((300, 4))))
    inner = found.shape[1] // 2
    children = found[:, 1::2] + found[:, 2::2]
    np.testing.assert_array_equal(found[:, :inner], children)
    assert (found[:, 0] == 300).all()


def test_thresholds_halve_what_is_left() -> None:
    """A column that is asked twice on one path is asked for a value on the side that is left."""
    forest = Forest.grow(1)
    for node in range(forest.features.shape[1] // 2):
        here = forest.thresholds[:, node]
        assert (forest.thresholds[:, 2 * node + 1] < here).all()
        assert (forest.thresholds[:, 2 * node + 2] > here).all()


def test_a_change_of_place_or_of_spread_is_seen_and_nothing_is_not() -> None:
    """In standard deviations of a row's score; the standard error is what it says."""
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(5, 5)) * 0.4

    def draw(n: int) -> Floats:
        return rng.normal(size=(n, 5)) @ mixing

    calm = [half_spaces(draw(400), draw(300)) for _ in range(60)]
    z = np.array([found.value / found.error for found in calm])
    assert np.mean(np.abs(z) > 1.96) < 0.15
    assert 0.7 < z.std() < 1.3
    assert half_spaces(draw(400), 2.0 * draw(300)).value > 0.5
    moved = draw(300)
    moved[:, :2] += 2.0
    assert half_spaces(draw(400), moved).value > 0.5


def test_rows_that_are_all_alike_say_so() -> None:
    """Trees cannot tell them apart."""
    with pytest.raises(NotComputableError, match="alike"):
        half_spaces(np.zeros((50, 3)), np.ones((50, 3)))
