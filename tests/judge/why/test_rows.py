"""Sampled rows in words: values as events had them, or nothing."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import SampleColumn
from monitor_stream.events.spec import CategoricalReference, Feature, ModelSpec
from monitor_stream.judge.sampled import SampledRows
from monitor_stream.judge.why.rows import ROWS, readable

CARRIERS = CategoricalReference(n=10, missing=0.0, shares={"UA": 0.6, "AA": 0.4})
FEATURES = [
    Feature(name="distance", kind="numeric"),
    Feature(name="carrier", kind="categorical", reference=CARRIERS),
    Feature(name="cargo", kind="boolean"),
    Feature(
        name="night",
        kind="boolean",
        reference=CategoricalReference(n=9, missing=0.0, shares={"true": 0.5, "false": 0.5}),
    ),
]


def sampled(rows: list[list[float]], columns: tuple[SampleColumn, ...] = ()) -> SampledRows:
    return SampledRows(np.arange(len(rows), dtype=np.uint64), np.array(rows), columns)


def test_values_are_read_back_through_the_references() -> None:
    """Categories and booleans by their names, whatever is not among them together, and what is missing as nothing."""
    spec = ModelSpec(model="m", task="regression", features=FEATURES)
    rows = sampled([[1400.0, 0.0, 1.0, 0.0, 12.5], [0.5, 2.0, 0.0, 1.0, -1.0], [np.nan] * 5])
    assert readable(rows, spec) == [
        {"distance": 1400.0, "carrier": "UA", "cargo": "true", "night": "true", "__prediction__": 12.5},
        {"distance": 0.5, "carrier": "__other__", "cargo": "false", "night": "false", "__prediction__": -1.0},
        dict.fromkeys(("distance", "carrier", "cargo", "night", "__prediction__")),
    ]


def test_described_columns_are_read_by_their_description() -> None:
    """Where a feature has no reference, the sample says what its numbers mean. A multiclass task has no single answer."""
    columns = (SampleColumn("x", "numeric"), SampleColumn("y", "categorical", ["r", "g"]))
    spec = ModelSpec(model="m", task="multiclass")
    assert readable(sampled([[2.0, 1.0, np.nan]], columns), spec) == [{"x": 2.0, "y": "g"}]


def test_masked_features_are_hidden() -> None:
    """A missing value is hidden too: that it is missing is a value."""
    spec = ModelSpec(model="m", task="binary", features=FEATURES, masked=["carrier", "__score__"])
    [row] = readable(sampled([[1.0, np.nan, 1.0, 0.0, 0.25]]), spec)
    assert (row["carrier"], row["__score__"], row["distance"]) == ("***", "***", 1.0)


def test_there_are_none_where_examples_may_not_be_stored() -> None:
    """Not even masked ones."""
    spec = ModelSpec(model="m", task="binary", features=FEATURES, store_examples=False)
    assert readable(sampled([[1.0, 0.0, 1.0, 0.0, 0.25]]), spec) == []


def test_a_few_are_enough() -> None:
    """Those of the smallest hashes, which are the same on every run."""
    spec = ModelSpec(model="m", task="binary", features=FEATURES[:1])
    found = readable(sampled([[float(at), 0.5] for at in range(500)]), spec)
    assert [row["distance"] for row in found] == [float(at) for at in range(ROWS)]
