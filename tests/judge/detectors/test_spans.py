import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.judge.detectors.spans import MAX_RUN, ErrorRun, ErrorSpans


def runs_of(spans: ErrorSpans, order: list[float]) -> list[ErrorRun]:
    return list(spans.add(np.array(order), np.ones(len(order))))


@given(
    order=st.lists(st.floats(0, 1000), max_size=60).map(sorted),
    least=st.integers(1, 10),
    cuts=st.lists(st.integers(0, 60), max_size=6).map(sorted),
    closes=st.booleans(),
)
def test_a_split_changes_nothing(order: list[float], least: int, cuts: list[int], *, closes: bool) -> None:
    """Runs are the same to the bit however errors are split, and whether the clock or the next error closes a run."""
    values = np.random.default_rng(0).random(len(order))
    whole = list(ErrorSpans(10.0, least).add(np.array(order), values))
    spans = ErrorSpans(10.0, least)
    parted: list[ErrorRun] = []
    for start, stop in zip([0, *cuts], [*cuts, len(order)], strict=True):
        parted += spans.add(np.array(order[start:stop]), values[start:stop])
        if closes and stop < len(order):
            parted += spans.close(order[stop])
    assert parted == whole


def test_spans_with_too_few_errors_join_the_next() -> None:
    """A run is the shortest that holds enough; runs do not overlap, and a span without errors is no run."""
    spans = ErrorSpans(10.0, 3)
    assert runs_of(spans, [1, 2, 11, 12, 25, 61, 62, 63, 64, 71]) == [
        ErrorRun(0, 20, 4, 1.0),
        ErrorRun(20, 70, 5, 1.0),
    ]


def test_a_run_that_never_fills_is_given_up() -> None:
    """Errors of a month ago say nothing of today."""
    spans = ErrorSpans(1.0, 100)
    assert not runs_of(spans, [0.0, MAX_RUN + 0.5])
    assert spans.n == 1
    assert spans.first == MAX_RUN


def test_an_error_that_comes_late_counts_in_the_open_span() -> None:
    """It is not lost, and opens no span of the past."""
    spans = ErrorSpans(10.0, 1)
    assert runs_of(spans, [5.0, 15.0, 7.0, 25.0]) == [ErrorRun(0, 10, 1, 1.0), ErrorRun(10, 20, 2, 1.0)]


@pytest.mark.parametrize("clock", [9.99, float("-inf")])
def test_a_span_that_is_not_over_stays_open(clock: float) -> None:
    """The clock closes a span at its end, not before."""
    spans = ErrorSpans(10.0, 1)
    runs_of(spans, [5.0])
    assert not list(spans.close(clock))
    assert list(spans.close(10.0)) == [ErrorRun(0, 10, 1, 1.0)]
    assert not list(spans.close(float("inf")))
