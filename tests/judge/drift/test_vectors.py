from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from monitor_stream.events.delta import Floats
from monitor_stream.judge.drift.vectors import DRIFTED_COMPONENTS, Moments, judge_vector


def moments(rows: Floats) -> Moments:
    counts = np.full(rows.shape[1], float(len(rows)))
    return Moments.of(counts, rows.sum(axis=0), (rows**2).sum(axis=0))


def test_the_centroid_distance_is_the_standardised_euclidean_one() -> None:
    """It is SciPy's, over the root of the number of components."""
    rng = np.random.default_rng(1)
    before, now = rng.normal(3.0, 2.0, (500, 8)), rng.normal(3.5, 2.0, (400, 8))
    found = judge_vector("v", moments(before), moments(now), 0.01)
    theirs = distance.seuclidean(before.mean(axis=0), now.mean(axis=0), before.var(axis=0)) / np.sqrt(8)
    assert found.value == pytest.approx(theirs)


@pytest.mark.parametrize("alike", [True, False])
def test_chance_is_kept_whether_components_go_together_or_not(alike: bool) -> None:
    """At level .05 at most one in twenty, and about that where all components are one."""
    rng = np.random.default_rng(2)

    def draw(n: int) -> Moments:
        rows = rng.normal(size=(n, 1 if alike else 6))
        return moments(np.repeat(rows, 6, axis=1) if alike else rows)

    p_values = [judge_vector("v", draw(300), draw(200), 0.05).p_value or 0.0 for _ in range(600)]
    rate = np.mean(np.array(p_values) < 0.05)
    assert rate < 0.075
    assert not alike or rate > 0.03


def test_components_that_moved_are_counted_and_named() -> None:
    """Two of ten."""
    rng = np.random.default_rng(3)
    before, now = rng.normal(size=(2000, 10)), rng.normal(size=(1000, 10))
    now[:, [2, 7]] += 1.0
    found = judge_vector("v", moments(before), moments(now), 0.01)
    assert found.drifted
    assert found.others == {DRIFTED_COMPONENTS: 0.2}
    assert {part for part, _, _ in found.top} == {"v[2]", "v[7]"}


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (np.ones((0, 3)), np.ones((90, 3)), "the reference has no vectors"),
        (np.ones((90, 3)), np.ones((0, 3)), "no values"),
        (np.ones((90, 3)), np.ones((90, 2)), "2 components, and the reference has 3"),
        (np.ones((90, 0)), np.ones((90, 0)), "the reference has no vectors"),
    ],
)
def test_what_cannot_be_judged_says_why(before: Floats, now: Floats, reason: str) -> None:
    """An empty side, and another dimension."""
    assert judge_vector("v", moments(before), moments(now), 0.01).not_computable == reason


def test_constant_components_are_no_division_by_zero() -> None:
    """All alike and unmoved is at no distance."""
    found = judge_vector("v", moments(np.ones((90, 3))), moments(np.ones((90, 3))), 0.01)
    assert found.value == 0.0
    assert not found.drifted
