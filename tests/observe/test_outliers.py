"""Outliers one by one: what makes a row one, as plain numpy says it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from monitor_stream.events.robust import middle_and_spread
from monitor_stream.events.spec import (
    CategoricalReference,
    CategoryPair,
    Feature,
    ModelSpec,
    NumericReference,
    OutlierRules,
)
from monitor_stream.events.tables import grouped
from monitor_stream.observe.outliers import Outliers
from tests.observe.streams import START, Reader, Totals


def numbers(values: Any) -> NumericReference:
    edges = np.quantile(values, np.arange(1, 40) / 40)
    return NumericReference(
        n=len(values),
        missing=0.0,
        mean=float(np.mean(values)),
        std=float(np.std(values)),
        minimum=float(np.min(values)),
        maximum=float(np.max(values)),
        edges=edges.tolist(),
        shares=[1 / 40] * 40,
    )


def names(*values: str, other: float = 0.0) -> CategoricalReference:
    return CategoricalReference(
        n=9, missing=0.0, shares=dict.fromkeys(values, 1.0 / len(values)), other=other
    )


AREA = Feature(name="area", kind="categorical", reference=names("north", "south"))
KIND = Feature(name="kind", kind="categorical", reference=names("a", "b", "c", other=0.1))
NEW = Feature(name="new", kind="boolean", reference=names("true", "false"))


def looked(spec: ModelSpec, rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    reader = Reader([spec])
    values: list[bytes | None] = [
        json.dumps(
            {"model": "m", "prediction": 1.0, "prediction_id": str(at), "timestamp": START, "features": row}
        ).encode()
        for at, row in enumerate(rows)
    ]
    reader.apply("predictions", 0, values)
    reader.commit()
    return {
        key[4]: row.tolist() for key, row in Totals(reader.messages).tables.items() if key[2] == "outliers"
    }


def test_numbers_beyond_their_cut_are_those_of_numpy() -> None:
    """The robust z of skewed and of normal columns; what is missing or of a wrong type is none."""
    rng = np.random.default_rng(5)
    columns = {"x": rng.normal(size=4000), "y": rng.exponential(size=4000) * 50.0}
    features = [Feature(name=name, kind="numeric", reference=numbers(of)) for name, of in columns.items()]
    spec = ModelSpec(
        model="m", task="regression", features=features, outliers=OutlierRules(cuts={"x": 2.5, "y": 3.0})
    )
    rows = rng.normal(size=(1500, 2)) * [2.0, 100.0]
    events: list[dict[str, Any]] = [{"x": x, "y": y} for x, y in rows.tolist()]
    beyond = []
    for values, cut, row in zip(columns.values(), (2.5, 3.0), rows.T, strict=True):
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        beyond.append(np.abs(row - middle) / ((high - low) / 1.349) > cut)
    expected = {
        "": [1502.0, float((beyond[0] | beyond[1]).sum())],
        "x": [0.0, float(beyond[0].sum())],
        "y": [0.0, float(beyond[1].sum())],
    }
    assert looked(spec, [*events, {"x": None, "y": "5"}, {}]) == expected


def test_a_column_that_is_half_one_value_has_a_spread_and_a_constant_has_none() -> None:
    """Where the interquartile range is 0, the standard deviation takes its place."""
    half = numbers(np.concatenate((np.zeros(900), np.arange(100.0))))
    middle, spread = middle_and_spread(half)
    assert middle == 0.0
    assert spread == pytest.approx(half.std)
    constant = numbers(np.full(50, 7.0))
    spec = ModelSpec(
        model="m",
        task="regression",
        features=[Feature(name="x", kind="numeric", reference=constant)],
        outliers=OutlierRules(cuts={"x": 3.0}),
    )
    assert looked(spec, [{"x": 1e9}]) == {}


def test_unseen_values_and_unseen_pairs_are_outliers() -> None:
    """A value that a complete reference lacks, and known values that never came together; not what is missing or in the rest."""
    pairs = [
        CategoryPair(first="area", second="kind", seen=["3", "4"]),  # north: a, b; south: c
        CategoryPair(first="new", second="area", seen=["1", "3"]),  # false: north; true: both
    ]
    spec = ModelSpec(
        model="m", task="regression", features=[AREA, KIND, NEW], outliers=OutlierRules(pairs=pairs)
    )
    rows: list[dict[str, Any]] = [
        {"area": "north", "kind": "a", "new": False},
        {"area": "north", "kind": "c", "new": True},  # a pair
        {"area": "south", "kind": "c", "new": 0},  # a pair
        {"area": "south", "kind": "zebra", "new": True},
        {"area": "west", "kind": "a", "new": False},  # a value
        {"area": None, "kind": "a"},
        {"kind": "b", "new": None},
        {"area": "south", "kind": "a", "new": False},  # two pairs
    ]
    assert looked(spec, rows) == {
        "": [8.0, 4.0],
        "area": [0.0, 1.0],
        grouped("area", "kind"): [0.0, 2.0],
        grouped("new", "area"): [0.0, 2.0],
    }


def test_what_may_come_together_outlives_the_order_of_keys() -> None:
    """A spec whose references name their values in another order, as JSON may have it, finds the same."""

    def ordered(kinds: list[str]) -> Feature:
        shares = dict.fromkeys(kinds, 1.0 / len(kinds))
        return Feature(
            name="kind",
            kind="categorical",
            reference=CategoricalReference(n=9, missing=0.0, shares=shares),
        )

    pairs = [CategoryPair(first="area", second="kind", seen=["3", "4"])]  # north: a, b; south: c
    rows = [{"area": area, "kind": kind} for area in ("north", "south") for kind in "abc"]
    found = [
        looked(
            ModelSpec(
                model="m",
                task="regression",
                features=[AREA, ordered(kinds)],
                outliers=OutlierRules(pairs=pairs),
            ),
            rows,
        )
        for kinds in (["a", "b", "c"], ["c", "a", "b"])
    ]
    assert found[0] == found[1]
    assert found[0][grouped("area", "kind")] == [0.0, 3.0]


def test_without_rules_nothing_is_looked_at() -> None:
    """A spec made by hand has no outliers, and rules that name what is not there change nothing."""
    assert looked(ModelSpec(model="m", task="regression", features=[AREA]), [{"area": "west"}]) == {}
    rules = OutlierRules(cuts={"x": 1.0, "area": 1.0}, pairs=[CategoryPair(first="x", second="y", seen=[])])
    assert Outliers(ModelSpec(model="m", task="regression", features=[AREA], outliers=rules)).reasons == [
        "area"
    ]
