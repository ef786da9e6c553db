import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as batch

from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.performance import metrics
from tests.judge.performance.pairs import regression_row, with_intervals

NO_INTERVALS = dict.fromkeys(("coverage", "interval_width"), "no prediction intervals")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("mean", "centre"), [(0.0, 0.0), (1e6, 1e6), (-250.0, 0.0)])
def test_every_metric_is_its_batch_twin(seed: int, mean: float, centre: float) -> None:
    """Sums give what numpy and scikit-learn give on the pairs themselves, also for labels far from zero."""
    rng = np.random.default_rng(seed)
    label = rng.normal(mean, 10.0, 500)
    prediction = label + rng.normal(2.0, 3.0, 500)
    row = with_intervals(regression_row(prediction, label, centre), covered=400, of=450, width=900.0)
    found = metrics("regression", row, label_mean=centre)
    assert found.scored == 500
    assert found.bad == np.sum(np.abs(prediction - label) > 1.0)
    assert not found.not_computable
    assert found.values == pytest.approx(
        {
            "mae": batch.mean_absolute_error(label, prediction),
            "rmse": batch.root_mean_squared_error(label, prediction),
            "bias": float(np.mean(prediction - label)),
            "wape": float(np.abs(prediction - label).sum() / np.abs(label).sum()),
            "r2": batch.r2_score(label, prediction),
            "coverage": 400 / 450,
            "interval_width": 2.0,
        },
        rel=1e-9,
    )


@pytest.mark.parametrize("value", [0.1, 1e8, 1 / 3])
def test_constant_labels_have_no_r2(value: float) -> None:
    """Labels that do not vary give no R², not one made of rounding, also after windows were added."""
    rows = [regression_row(np.full(n, value) + 1.0, np.full(n, value)) for n in (1, 7, 100, 3)]
    found = metrics("regression", np.sum(rows, axis=0))
    assert "r2" not in found.values
    assert found.not_computable == {"r2": "the labels do not vary"} | NO_INTERVALS


def test_labels_of_zero_have_no_wape() -> None:
    """A share of nothing is not computable; the other metrics are."""
    found = metrics("regression", regression_row(np.ones(3), np.zeros(3)))
    assert found.not_computable == {"wape": "all labels are 0", "r2": "the labels do not vary"} | NO_INTERVALS
    assert found.values == {"mae": 1.0, "rmse": 1.0, "bias": 1.0}


def test_nothing_scored_gives_reasons_only() -> None:
    """An empty window has no metric, and says why."""
    found = metrics("regression", np.zeros(len(PERFORMANCE["regression"])))
    assert not found.values
    assert set(found.not_computable) == {"mae", "rmse", "bias", "wape", "r2", *NO_INTERVALS}
    assert set(found.not_computable.values()) == {"no scored pairs"}


def test_sums_that_overflowed_are_named() -> None:
    """A squared error beyond the range of floats is a reason, not an infinity in a JSON document."""
    with np.errstate(over="ignore"):
        row = regression_row(np.array([1e200, 0.0]), np.array([1.0, 2.0]))
    found = metrics("regression", row)
    assert set(found.values) == {"mae", "bias", "wape"}
    assert "too large" in found.not_computable["rmse"]
    assert "too large" in found.not_computable["r2"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=30), st.data())
def test_metrics_of_added_rows_are_those_of_all_pairs(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    """Windows and segments merge by addition."""
    prediction, label = np.array(pairs).T
    cut = data.draw(st.integers(0, len(pairs)))
    merged = regression_row(prediction[:cut], label[:cut]) + regression_row(prediction[cut:], label[cut:])
    whole = metrics("regression", regression_row(prediction, label))
    found = metrics("regression", merged)
    assert found.not_computable == whole.not_computable
    assert found.values == pytest.approx(whole.values, rel=1e-4, abs=1e-9)
