"""Timestamps, texts and vectors: followed by a number, and whatever else comes is counted as of a wrong type."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor_stream.events.spec import Feature, Kind, ModelSpec, NumericReference
from monitor_stream.events.tables import MAX_COMPONENTS
from tests.observe.streams import START, TERMS, Reader, Totals

AGES = NumericReference(
    n=9,
    missing=0.0,
    mean=60.0,
    std=1.0,
    minimum=0.0,
    maximum=900.0,
    edges=[0.0, 60.0, 600.0],
    shares=[0.25] * 4,
)


def spec(*features: Feature) -> ModelSpec:
    return ModelSpec(model="m", version="1", task="regression", features=list(features), **TERMS)


def read(spec: ModelSpec | None, values: list[dict[str, Any]], cuts: set[int] = frozenset()) -> Totals:  # type: ignore[assignment]
    """What the features of predictions add up to; the worker begins anew after those of the numbers in `cuts`."""
    reader = Reader([] if spec is None else [spec])
    events: list[bytes | None] = [
        json.dumps(
            {"model": "m", "version": "1", "prediction": 1.0, "timestamp": START, "features": features}
        ).encode()
        for features in values
    ]
    first = 0
    for end in sorted({*cuts, len(events)} - {0}):
        reader.apply("predictions", first, events[first:end])
        reader.commit()
        reader.crash()
        first = end
    return Totals(reader.messages)


def row(totals: Totals, feature: str, table: str = "features") -> list[float]:
    rows = [sums.tolist() for key, sums in totals.tables.items() if key[2] == table and key[4] == feature]
    return rows[0] if rows else []


def test_a_timestamp_is_followed_by_its_age() -> None:
    """In seconds at the prediction, from RFC 3339 with an offset or from Unix seconds, also in the future."""
    feature = Feature(name="t", kind="timestamp", minimum=0.0, reference=AGES)
    text = datetime.fromtimestamp(START - 90.0).astimezone().isoformat()
    totals = read(spec(feature), [{"t": START - 30.0}, {"t": text}, {"t": START + 10.0}, {"t": None}])
    ages = [30.0, 90.0, -10.0]
    centred = [age - 60.0 for age in ages]
    assert row(totals, "t") == [4.0, 1.0, 0.0, 1.0, 0.0, sum(centred), sum(c * c for c in centred)]
    assert row(totals, "t", "histograms")[:5] == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_a_text_is_followed_by_its_length() -> None:
    """In characters; an empty one is missing."""
    totals = read(
        spec(Feature(name="t", kind="text")), [{"t": "größe"}, {"t": ""}, {"t": "x" * 1000}, {}, {"t": 5}]
    )
    assert row(totals, "t") == [5.0, 2.0, 1.0, 0.0, 0.0, 1005.0, 25.0 + 1e6]


def test_a_vector_is_followed_by_its_norm_and_its_components() -> None:
    """Each component has a row with its moments; a vector of another length is of a wrong type."""
    vectors = [
        [3.0, 4.0],
        [0.0, 1.0],
        [1.0],
        [1.0, 2.0, 3.0],
        [],
        None,
        [1.0, "2"],
        [True, 1.0],
        [1e200, 1.0],
    ]
    totals = read(spec(Feature(name="v", kind="vector")), [{"v": vector} for vector in vectors])
    assert row(totals, "v") == [9.0, 1.0, 6.0, 0.0, 0.0, 6.0, 26.0]
    assert row(totals, "v[0]") == [2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 9.0]
    assert row(totals, "v[1]") == [2.0, 0.0, 0.0, 0.0, 0.0, 5.0, 17.0]


def test_components_are_bounded() -> None:
    """Of the vectors that do not fit any more the norm alone is followed."""
    features = [Feature(name=name, kind="vector") for name in "abc"]
    values = {"a": [1.0] * 600, "b": [2.0] * 600, "c": [3.0] * 400}
    totals = read(spec(*features), [values, values])
    components = [key[4] for key in totals.tables if key[2] == "features" and "[" in key[4]]
    assert len(components) == 1000 <= MAX_COMPONENTS
    assert {name[0] for name in components} == {"a", "c"}
    assert row(totals, "b")[5] == pytest.approx(2 * 2.0 * math.sqrt(600))


def test_the_spec_says_how_long_a_vector_is() -> None:
    """Then the first one that comes may be wrong."""
    feature = Feature(name="v", kind="vector", dimension=2)
    totals = read(spec(feature), [{"v": [1.0]}, {"v": [3.0, 4.0]}])
    assert row(totals, "v")[:3] == [2.0, 0.0, 1.0]


def test_a_list_of_numbers_that_nobody_described_is_a_vector() -> None:
    """A model without a spec has its vectors followed too."""
    totals = read(None, [{"v": [3.0, 4.0], "w": "x"}, {"v": [6.0, 8.0], "w": "y"}])
    assert row(totals, "v")[5] == 15.0
    assert row(totals, "v[1]")[5] == 12.0


_ugly = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([10**400, "2001-09-09T01:46:40Z", "2001-09-09T01:46:40", "9999-99-99", "", "x", "1e9"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(10**400), st.none(), st.just("x")), max_size=3),
    st.just({"a": 1}),
)


@settings(max_examples=60, deadline=None)
@example(kind="vector", values=[[], [0.0]], cuts=set())
@given(
    kind=st.sampled_from(["timestamp", "text", "vector", "categorical", "numeric"]),
    values=st.lists(_ugly, min_size=1, max_size=12),
    cuts=st.sets(st.integers(1, 11), max_size=3),
)
def test_ugly_values_are_counted_once_however_they_were_read(
    kind: Kind, values: list[Any], cuts: set[int]
) -> None:
    """Every value is missing, wrong or a number; batches and restarts change nothing."""
    features = [{"f": value} for value in values]
    whole, parts = (read(spec(Feature(name="f", kind=kind)), features, some) for some in (set(), cuts))
    singly = read(spec(Feature(name="f", kind=kind)), features, set(range(1, len(values))))
    for other in (parts, singly):
        assert whole.tables.keys() == other.tables.keys()
        for key, sums in whole.tables.items():
            np.testing.assert_allclose(other.tables[key], sums, rtol=1e-9, err_msg=str(key))
    count, missing, wrong, *_ = row(whole, "f")
    assert count == len(values)
    assert missing == sum(value is None or (kind == "text" and value == "") for value in values)
    assert wrong == sum(not _good(kind, values, value) for value in values)


def _good(kind: Kind, values: list[Any], value: Any) -> bool:
    if value is None:
        return True
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e100
    if kind == "text":
        return isinstance(value, str)
    if kind == "numeric":
        return number
    if kind == "categorical":
        return isinstance(value, str | int | float)
    if kind == "timestamp":
        return number or value == "2001-09-09T01:46:40Z"
    lists = [v for v in values if isinstance(v, list) and all(isinstance(x, float) for x in v)]
    first = next((v for v in lists if v), None)
    return value in lists and first is not None and len(value) == len(first)
