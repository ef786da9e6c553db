from typing import get_args

import numpy as np
import pytest

from monitor_stream.events.spec import Baseline, Task
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.performance import WORSE, limits, metrics


def test_a_limit_lies_three_deviations_to_the_worse_side() -> None:
    """Errors have a limit above their mean, scores of quality below, and neither leaves the metric's range."""
    assert limits(
        "regression", {"mae": Baseline(10.0, 2.0, 10), "r2": Baseline(0.9, 0.1, 10)}
    ) == pytest.approx({"mae": 16.0, "r2": 0.6})
    wide = {
        "accuracy": Baseline(0.5, 0.4, 10),
        "brier": Baseline(0.9, 0.4, 10),
        "log_loss": Baseline(0.5, 0.4, 10),
    }
    assert limits("binary", wide) == pytest.approx({"accuracy": 0.0, "brier": 1.0, "log_loss": 1.7})


def test_what_has_no_worse_side_or_no_spread_has_no_limit() -> None:
    """Bias and rates can move either way, other tasks' metrics do not count, few windows have no spread."""
    assert not limits("regression", {"bias": Baseline(0.0, 1.0, 10), "auc": Baseline(0.7, 0.1, 10)})
    assert not limits("binary", {"base_rate": Baseline(0.2, 0.1, 10), "auc": Baseline(0.7, 0.1, 5)})
    assert limits("binary", {"auc": Baseline(0.7, 0.1, 6)}) == pytest.approx({"auc": 0.4})


def test_a_baseline_stated_by_hand_is_taken_at_its_word() -> None:
    """A baseline of no windows was not measured but stated."""
    assert limits("regression", {"mae": Baseline(10.0)}) == {"mae": 10.0}


@pytest.mark.parametrize("task", get_args(Task))
def test_every_metric_has_a_limit_or_none_on_purpose(task: Task) -> None:
    """Each metric there is knows its worse side, except those that have none."""
    names = metrics(task, np.zeros(len(PERFORMANCE[task]))).not_computable
    limited = limits(task, dict.fromkeys(names, Baseline(0.5, 0.01, 10)))
    assert set(names) - set(limited) <= {
        "bias",
        "base_rate",
        "mean_score",
        "ece",
        "coverage",
        "interval_width",
    }
    assert set(limited) <= set(WORSE)
