"""The segments that carry the loss, ranked by what they surely carry."""

import numpy as np
import pytest

from monitor_stream.events.spec import Task
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.performance.intervals.wilson import wilson
from monitor_stream.judge.segment_losses import MOST, segment_losses
from monitor_stream.judge.sums import Block


def block(segments: dict[str, tuple[int, float]], task: Task = "binary") -> Block:
    """Pairs and mean error of each segment; of a regression, exponential errors."""
    found = Block(len(PERFORMANCE[task]))
    for group, (n, error) in segments.items():
        row = dict.fromkeys(PERFORMANCE[task], 0.0) | {"scored": float(n)}
        if task == "regression":
            row |= {"absolute_error": n * error, "squared_error": 2.0 * n * error**2}
        else:
            row |= {"bad": n * error}
        found.add([group, ""], np.array([list(row.values())] * 2))
    return found


def test_loss_is_the_excess_over_the_rest_times_the_size() -> None:
    """Of 400 errors 150 are of a segment whose share would be a third of that at the rest's rate."""
    [loss] = segment_losses(block({"carrier=UA": (500, 0.3), "carrier=AA": (2500, 0.1)}), "binary")
    assert (loss.segment, loss.value, loss.n) == ("carrier", "UA", 500)
    assert (loss.metric, loss.rest) == pytest.approx((0.3, 0.1))
    assert (loss.low, loss.high) == pytest.approx(wilson(150, 500))
    assert loss.loss == pytest.approx(500 * 0.2 / 400)


def test_bad_luck_of_a_handful_stands_behind_what_is_sure() -> None:
    """Eight of ten are worse than three in ten of a thousand, and carry less for sure."""
    segments = {"c=luck": (10, 0.8), "c=large": (1000, 0.3), "c=small": (200, 0.3), "c=rest": (5000, 0.1)}
    assert [loss.value for loss in segment_losses(block(segments, "multiclass"), "multiclass")] == [
        "large",
        "small",
        "luck",
    ]
    mostly_luck = {"c=luck": (40, 0.25), "c=sure": (6, 1.0), "c=rest": (50_000, 0.1)}
    first, second = segment_losses(block(mostly_luck), "binary")
    assert (first.value, second.value) == ("sure", "luck")
    assert first.loss < second.loss


def test_a_regression_is_ranked_by_its_mean_absolute_error() -> None:
    """Segments without an interval of their error, for want of pairs, are not ranked."""
    segments = {"c=few": (20, 90.0), "c=large": (1000, 30.0), "c=rest": (5000, 10.0)}
    [loss] = segment_losses(block(segments, "regression"), "regression")
    assert (loss.value, loss.metric) == ("large", 30.0)
    assert loss.low < 30.0 < loss.high
    assert loss.rest == pytest.approx((20 * 90.0 + 5000 * 10.0) / 5020)


def test_only_those_worse_than_the_rest_and_at_most_ten() -> None:
    """What is better carries nothing; one segment alone has no rest; a list has an end."""
    assert not segment_losses(block({"c=a": (500, 0.2)}), "binary")
    assert not segment_losses(block({"c=a": (500, 0.0), "c=b": (500, 0.0)}), "binary")
    many = {f"c={index:02}": (200, 0.02 * index) for index in range(40)}
    found = segment_losses(block(many), "binary")
    assert len(found) == MOST
    assert [loss.value for loss in found] == [f"{index}" for index in range(39, 29, -1)]
