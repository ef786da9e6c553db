"""What docs/evaluation.md says of intervals and fairness, on a part of its windows."""

import pytest

from loadtest.evaluation.fairness import agreement, coverage, gap_coverage
from monitor_stream.events.spec import Task


@pytest.mark.parametrize(("task", "numbers"), [("binary", 34), ("multiclass", 58), ("regression", 12)])
def test_every_number_of_fairness_is_a_plain_computation(task: Task, numbers: int) -> None:
    """Events through both folds, against numpy and scikit-learn on the rows: to the rounding of a float32 score."""
    compared = list(agreement(task, rows=4_000))
    assert len(compared) == numbers
    for name, ours, plain in compared:
        assert ours == pytest.approx(plain, rel=1e-7, abs=1e-7), name


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of metrics and of differences between groups, but for the RMSE of errors with heavy tails."""
    found = [*coverage(400, (1_000,)), *gap_coverage(400, (1_000,))]
    assert len(found) == 52
    heavy = "rmse of regression, errors with heavy tails"
    assert [cell.cell for cell in found if cell.held < 0.915 and not cell.cell.startswith(heavy)] == []
