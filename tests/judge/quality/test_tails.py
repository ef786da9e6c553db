"""Tails of counts, against scipy's distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor_stream.judge.quality.tails import chance_of_count, least_share


@given(n=st.integers(1, 5000), share=st.floats(1e-6, 0.999), part=st.floats(0.0, 1.0))
def test_without_a_spread_the_chance_is_the_binomial_tail(n: int, share: float, part: float) -> None:
    """P(count or more) as scipy has it."""
    count = round(part * n)
    expected = float(stats.binom.sf(count - 1, n, share))
    assert chance_of_count(count, n, share, 0.0) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(n=st.integers(50, 5000), share=st.floats(0.001, 0.5), alpha=st.floats(1e-6, 0.01))
def test_the_limit_is_where_the_chance_falls_below_alpha(n: int, share: float, alpha: float) -> None:
    """A share at the limit or above is unlikely, for the binomial part of the judgement."""
    limit = least_share(n, share, 0.0, alpha)
    count = np.ceil(limit * n - 1e-9)
    assert count >= n or chance_of_count(count, n, share, 0.0) <= alpha * (1 + 1e-9)


def test_a_share_that_differs_from_span_to_span_makes_room() -> None:
    """The same count is an alarm without a spread, and none with one."""
    assert chance_of_count(130, 1000, 0.10, 0.0) < 0.002
    assert chance_of_count(130, 1000, 0.10, 0.03) > 0.1
    assert least_share(1000, 0.1, 0.03, 1e-4) > least_share(1000, 0.1, 0.0, 1e-4)


def test_nothing_counted_is_never_unlikely() -> None:
    """No count, or no values, has the chance 1."""
    assert chance_of_count(0, 100, 0.01, 0.0) == chance_of_count(3, 0, 0.01, 0.0) == 1.0
