"""The spans that vectors are held against."""

from __future__ import annotations

import numpy as np
import pytest

from monitor_stream.events.codec import moment
from monitor_stream.events.results import ColumnDrift, DriftSpan
from monitor_stream.events.spec import DAY, DriftRules, Feature, ModelSpec
from monitor_stream.events.tables import component_group
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.reference_rows import SPANS
from monitor_stream.judge.reference_vectors import ReferenceVectors
from monitor_stream.judge.sums import Rows, Sums

N = 500
SIZE = 4


def spec(sliding: int = 0) -> ModelSpec:
    feature = Feature(name="v", kind="vector")
    return ModelSpec(
        model="m", version="1", task="binary", features=[feature], drift=DriftRules(sliding_spans=sliding)
    )


def span(day: int, *, drifted: bool = False, reference: str = "a") -> DriftSpan:
    column = ColumnDrift(column="x", n=N, value=0.0, drifted=drifted)
    return DriftSpan(
        model="m",
        version="1",
        start=moment(day * DAY),
        end=moment((day + 1) * DAY),
        revision=1,
        settled=False,
        n=N,
        reference=reference,
        columns=[column],
    )


def values(level: float) -> Sums:
    """Vectors of which every component has this mean and the standard deviation 1."""
    sums = Sums()
    row = [N, 0, 0, 0, 0, N * level, N * (1.0 + level**2)]
    sums.add("features", Rows([component_group("v", at) for at in range(SIZE)], np.array([row] * SIZE)))
    return sums


def judged(vectors: ReferenceVectors, day: int, level: float, *, sliding: int = 0) -> ColumnDrift:
    [found] = vectors.judge(span(day), values(level), spec(sliding))
    return found


def test_the_reference_is_that_of_the_first_spans() -> None:
    """A level that rises slowly is held against where it began, however long it takes."""
    vectors = ReferenceVectors("m", "1", Journal({}))
    found = [judged(vectors, day, 0.02 * max(day - SPANS, 0)) for day in range(SPANS + 20)]
    assert [each.value is None for each in found[: SPANS + 1]] == [True] * SPANS + [False]
    assert found[-1].value == pytest.approx(0.02 * 19)
    assert found[-1].drifted


def test_a_reference_that_slides_has_the_last_spans() -> None:
    """Where the spec says so, a slow change becomes what is usual."""
    vectors = ReferenceVectors("m", "1", Journal({}))
    found = [judged(vectors, day, 0.02 * max(day - SPANS, 0), sliding=3) for day in range(SPANS + 20)]
    assert not any(each.drifted for each in found)


def test_a_span_in_which_a_column_drifted_is_no_reference() -> None:
    """What has moved must not become what is usual."""
    vectors = ReferenceVectors("m", "1", Journal({}))
    for day in range(5):
        vectors.judge(span(day, drifted=True), values(9.0), spec())
    found = [judged(vectors, day, 0.0) for day in range(5, 6 + SPANS)]
    assert (found[-2].not_computable, found[-1].value) == ("the reference has no vectors", 0.0)


def test_the_heir_has_the_same_reference() -> None:
    """What the store holds is enough; a new spec begins anew."""
    journal = Journal({})
    vectors = ReferenceVectors("m", "1", journal)
    for day in range(SPANS):
        judged(vectors, day, 0.0)
    heir = ReferenceVectors("m", "1", Journal({}))
    heir.restore(journal.take().puts['["vectors","m","1"]'])
    assert judged(heir, SPANS, 0.5) == judged(vectors, SPANS, 0.5)
    [other] = heir.judge(span(SPANS, reference="b"), values(0.5), spec())
    assert other.value is None
