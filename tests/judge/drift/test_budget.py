from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor_stream.events.spec import DAY
from monitor_stream.judge.drift.budget import critical, level

P_VALUES = st.lists(
    st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.01, 0.02, 0.03])), min_size=1, max_size=30
)


@given(P_VALUES, st.sampled_from([0.001, 0.01, 0.05]))
def test_the_rejected_are_those_of_benjamini_and_hochberg(p_values: list[float], alpha: float) -> None:
    """A p-value at most its critical one is just what SciPy's adjusted p-values reject."""
    found = np.array(p_values) <= critical(p_values, alpha)
    adjusted = stats.false_discovery_control(p_values, method="bh")
    near = np.isclose(adjusted, alpha, rtol=1e-9)
    assert np.array_equal(found[~near], (adjusted <= alpha)[~near])


@given(P_VALUES, st.integers(0, 29), st.sampled_from([0.001, 0.01, 0.05]))
def test_a_critical_value_is_where_the_decision_turns(p_values: list[float], at: int, alpha: float) -> None:
    """With just its critical value a test is rejected, and with a little more it is not, the others unchanged."""
    at %= len(p_values)
    limit = critical(p_values, alpha)[at]
    for factor, rejected in ((1.0 - 1e-9, True), (1.0 + 1e-9, False)):
        moved = [*p_values[:at], limit * factor, *p_values[at + 1 :]]
        assert (moved[at] <= critical(moved, alpha)[at]) == rejected


def test_no_tests_have_no_critical_values() -> None:
    """An empty family is no error."""
    assert critical([], 0.05).shape == (0,)


@pytest.mark.parametrize(("seconds", "spans"), [(DAY, 30), (3600.0, 720)])
def test_spans_of_a_month_spend_the_budget(seconds: float, spans: int) -> None:
    """The levels of all spans of a month add up to the false alarms that were allowed."""
    assert spans * level(1.0, seconds) == pytest.approx(1.0)


def test_a_whole_family_without_drift_alarms_at_its_level() -> None:
    """Over columns in which nothing moved, anything is rejected with the level's probability."""
    rng = np.random.default_rng(7)
    rejected = [bool((p <= critical(list(p), 0.05)).any()) for p in rng.random((4000, 12))]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.012)
