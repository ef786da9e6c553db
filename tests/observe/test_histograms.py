"""Counts by the bins of a reference, against a search for each value."""

from __future__ import annotations

import bisect
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from monitor_stream.events.spec import CategoricalReference, NumericReference, Reference
from monitor_stream.events.tables import HISTOGRAM_BINS
from monitor_stream.observe.histograms import Histograms, bins_of
from monitor_stream.observe.sums import GROUPS, Rows, Windows

_edge = st.sampled_from([-1e100, -2.5, -0.0, 1e-300, 0.1, 0.5, 1.0, 1e99])
_value = st.one_of(_edge, st.floats(-1e100, 1e100), st.sampled_from([np.nan, np.inf, -np.inf, 1e100]))


def numeric(edges: list[float]) -> NumericReference:
    shares = [1.0 / (len(edges) + 1)] * (len(edges) + 1)
    return NumericReference(
        n=9, missing=0.0, mean=0.0, std=1.0, minimum=0.0, maximum=1.0, edges=edges, shares=shares
    )


@settings(deadline=None)
@given(
    edges=st.lists(st.lists(_edge, unique_by=float).map(sorted), min_size=1, max_size=3),
    spans=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    data=st.data(),
)
def test_counts_are_those_of_a_search_for_each_value(
    edges: list[list[float]], spans: list[int], data: st.DataObject
) -> None:
    """A value that equals an edge belongs below it; what is no number is in no bin; for any number of spans."""
    matrix = data.draw(arrays.arrays(float, (len(spans), len(edges)), elements=_value))
    rows = Rows(1)
    counted = Histograms({3 + at: bins_of(numeric(some)) for at, some in enumerate(edges)})
    counted.add(rows, Windows(np.array(spans) * 10.0 + 5.0, 10.0), matrix)
    wanted: Counter[tuple[int, int, int]] = Counter()
    for span, values in zip(spans, matrix.tolist(), strict=True):
        for at, value in enumerate(values):
            if np.isfinite(value):
                wanted[span, 3 + at, bisect.bisect_left(edges[at], value)] += 1
    found = {}
    if rows:
        keys, sums = rows.take()
        for key, count in zip(keys.tolist(), sums[:, 0].tolist(), strict=True):
            cell = key % GROUPS
            found[key // GROUPS, cell // HISTOGRAM_BINS, cell % HISTOGRAM_BINS] = int(count)
    assert found == dict(wanted)


def test_a_reference_that_a_histogram_cannot_hold_has_none() -> None:
    """More bins than there are, edges out of order, or codes where numbers come."""
    refused: list[Reference] = [
        numeric([float(at) for at in range(HISTOGRAM_BINS)]),
        numeric([1.0, 0.0]),
        numeric([0.0, 0.0]),
        CategoricalReference(n=9, missing=0.0, shares={"a": 1.0}),
    ]
    assert [bins_of(reference) for reference in refused] == [None] * 4
    names = {str(at): 1 / HISTOGRAM_BINS for at in range(HISTOGRAM_BINS)}
    assert bins_of(CategoricalReference(n=9, missing=0.0, shares=names), coded=True) is None
    assert bins_of(numeric([0.0]), coded=True) is None
