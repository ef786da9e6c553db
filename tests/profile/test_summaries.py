"""Summaries of blocks against the whole: samples, distinct values, moments, bins."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.profile.distinct import Distinct
from monitor_stream.profile.reference import readable_edges
from monitor_stream.profile.rounding import ceil, edge, floor, near, significant
from monitor_stream.profile.sample import Sample
from monitor_stream.profile.spans import MOST, Spans, hour_of_week
from monitor_stream.profile.survey import Numbers
from monitor_stream.profile.tally import Tally, spread

FEW = st.integers(0, 3).map(float)
NUMBERS = st.lists(st.floats(-1e6, 1e6) | FEW, min_size=1, max_size=300)
CUTS = st.lists(st.integers(1, 299), max_size=5)


def blocks(values: Any, cuts: list[int]) -> list[Any]:
    return np.split(values, sorted(set(cuts)))


def numbered(parts: list[Any]) -> Any:
    begin = 0
    for part in parts:
        yield part, np.arange(begin, begin + len(part), dtype=np.uint64)
        begin += len(part)


@given(NUMBERS, CUTS)
def test_a_sample_does_not_depend_on_blocks(values: list[float], cuts: list[int]) -> None:
    """The rows chosen are those of the whole, in their order; a small column is its own sample."""
    whole, parted, small = Sample(20), Sample(20), Sample(1000)
    column = np.array(values)
    for sample, parts in ((whole, [column]), (parted, blocks(column, cuts)), (small, blocks(column, cuts))):
        for part, rows in numbered(parts):
            sample.add(pa.table({"value": part}), rows)
    assert whole.rows().equals(parted.rows())
    assert len(whole.rows()) == min(20, len(values))
    assert small.rows()["value"].to_pylist() == values


def test_a_sample_is_uniform() -> None:
    """Each tenth of the rows has its share of the sample."""
    sample = Sample(5_000)
    for part, rows in numbered(np.split(np.arange(100_000.0), 10)):
        sample.add(pa.table({"value": part}), rows)
    found = np.bincount((np.asarray(sample.rows()["value"]) // 10_000).astype(int))
    assert found == pytest.approx(500, abs=5 * math.sqrt(450))


@given(st.lists(st.text(max_size=2), min_size=1, max_size=200), CUTS)
def test_distinct_values_are_counted_as_in_the_whole(values: list[str], cuts: list[int]) -> None:
    """Counts and singletons are exact while values are few."""
    found = Distinct(1_000)
    for part in blocks(np.array(values, object), cuts):
        found.add(pa.array(part, pa.string()))
    counted = Counter(values)
    assert found.exact
    assert dict(found.counts()) == counted
    assert (found.distinct, found.singletons) == (len(counted), list(counted.values()).count(1))


@pytest.mark.parametrize("kind", [pa.string(), pa.float64()])
def test_too_many_distinct_values_are_estimated(kind: Any) -> None:
    """Of 40,000 values, half of which come once, a table of 4,000 tells both numbers to 5 %, however they come."""
    values = np.concatenate([np.arange(40_000), np.arange(20_000)])
    found = [Distinct(4_000), Distinct(4_000)]
    for distinct, parts in zip(found, (1, 50), strict=True):
        for part in np.array_split(np.random.default_rng(0).permutation(values), parts):
            distinct.add(pa.array(part).cast(kind))
    assert not found[0].exact
    assert found[0].distinct == pytest.approx(40_000, rel=0.05)
    assert found[0].singletons == pytest.approx(20_000, rel=0.05)
    assert (found[0].distinct, found[0].singletons) == (found[1].distinct, found[1].singletons)


@given(NUMBERS, CUTS, st.sampled_from([0.0, 1e9]))
def test_moments_merge(values: list[float], cuts: list[int], offset: float) -> None:
    """Mean, deviation and range of blocks are numpy's of the whole; NaN, infinity and huge numbers do not count."""
    column = np.array(values) + offset
    found = Numbers()
    for part, rows in numbered([*blocks(column, cuts), np.array([np.nan, np.inf, -np.inf, 1e200])]):
        found.see(part, rows)
    assert (found.count, found.infinite) == (len(values), 3)
    assert found.mean == pytest.approx(column.mean(), abs=1e-6)
    assert found.std == pytest.approx(column.std(), rel=1e-6, abs=1e-5)
    assert (found.minimum, found.maximum) == (column.min(), column.max())


@given(NUMBERS, CUTS)
def test_bins_hold_every_value_and_none_is_empty(values: list[float], cuts: list[int]) -> None:
    """There are at most 40, fewer with ties, and each value is where a plain search puts it, whatever the blocks."""
    column = np.array(values)
    edges = readable_edges(column)
    tally = Tally("x", "numeric", slots=1, edges=edges, names=None, season=False)
    for part in blocks(column, cuts):
        tally.see(pa.array(part), None, np.zeros(len(part), np.int64))
    expected = np.zeros(len(edges) + 1, int)
    for value in values:
        expected[bisect.bisect_left(edges.tolist(), value)] += 1
    assert tally.totals.tolist() == expected.tolist()
    assert (tally.totals > 0).all()
    assert edges.tolist() == sorted(set(edges.tolist()))
    assert len(edges) < 40


@given(st.integers(0, 1_000_000))
def test_bins_hold_equal_masses(seed: int) -> None:
    """Of values that do not come twice, each of 40 bins holds a fortieth, give or take one."""
    column = np.random.default_rng(seed).lognormal(size=400)
    counts = np.bincount(np.searchsorted(readable_edges(column), column, side="left"))
    assert len(counts) == 40
    assert (np.abs(counts - 10) <= 1).all()


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6), st.floats(1e-3, 1e6))
def test_rounding_makes_nothing_false(number: float, gap: float, scale: float) -> None:
    """An edge still parts the same values, a range still holds its values, and all are near to what they were."""
    assert number <= edge(number, number + gap) < number + gap or number + gap == number
    assert floor(number, scale) <= number <= ceil(number, scale)
    assert abs(near(number, scale) - number) <= 1e-5 * scale + 1e-9 * abs(number)
    assert significant(number) == pytest.approx(number, rel=1e-5)


def test_spans_are_aligned_and_bounded() -> None:
    """Spans begin at whole spans since 1970; only the newest thousand are kept apart; rows without time are in none."""
    spans = Spans(90_000.0, 200_000.0, seconds=86_400.0)
    assert spans.of(np.array([90_000.0, 172_799.0, 172_800.0, np.nan, 1e9])).tolist() == [0, 0, 1, 2, 2]
    long = Spans(0.0, 5_000 * 60.0, seconds=60.0)
    assert long.slots == MOST + 1
    assert long.of(np.array([0.0, 5_000 * 60.0])).tolist() == [MOST, MOST - 1]
    assert Spans(math.inf, -math.inf, seconds=60.0).slots == 1


def test_hours_of_the_week_begin_on_monday() -> None:
    """1 January 2024 was a Monday."""
    assert hour_of_week(np.array([1_704_067_200.0, 1_704_067_200.0 + 3600 * 25, np.nan])).tolist() == [
        0,
        25,
        168,
    ]


def test_spread_is_what_sampling_does_not_explain() -> None:
    """Of binomial shares it is about nothing, of shares that differ about their deviation."""
    rng = np.random.default_rng(1)
    rows = np.full(400, 1_000)
    assert spread(rng.binomial(rows, 0.1), rows) < 0.003
    assert spread(rng.binomial(rows, rng.normal(0.1, 0.02, 400)), rows) == pytest.approx(0.02, rel=0.15)
    assert spread(np.array([5]), np.array([10])) == 0.0
