"""Columns as they come: mixed, empty, constant, infinite, in too many categories, in every kind of file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from monitor_stream.errors import InputError
from monitor_stream.events.spec import CategoricalReference, NumericReference
from monitor_stream.profile.profile import Profile, Said, describe

ROWS = 1_000


def profiled(table: Any, **options: Any) -> Profile:
    return describe(table, model="m", version="1", task="regression", created=1.0, **options)


def column(values: Any, **options: Any) -> Said:
    table = values if isinstance(values, pa.Table | pd.DataFrame) else {"x": values}
    return next(said for said in profiled(table, **options).columns if said.name == "x")


def numeric(said: Said) -> NumericReference:
    assert isinstance(said.reference, NumericReference)
    return said.reference


def categorical(said: Said) -> CategoricalReference:
    assert isinstance(said.reference, CategoricalReference)
    return said.reference


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        ([1.5, 2.5] * 50, "numeric", "few-valued"),
        ([1, 2, 3] * 50, "categorical", "codes: 3 values"),
        ([1.0, 2.0, None] * 50, "categorical", "codes: 2 values"),
        ([7] * 100, "categorical", "constant"),
        ([7.5] * 100, "numeric", "constant"),
        (list(range(0, 300, 3)), "numeric", "whole numbers"),
        (list(range(100)), None, "numbers its rows"),
        ([True, False, None] * 10, "boolean", "true or false"),
        (["red", "blue"] * 60, "categorical", "come again"),
        ([f"customer-{n}" for n in range(200)], None, "names its rows"),
        ([f"my order {n} has not come yet" for n in range(200)], "text", "free text of 7 words"),
        (["2024-01-01T10:00:00Z", None, "2024-01-02T10:00:00Z"], "timestamp", "age"),
        (pa.array([0, 1], pa.timestamp("s")), "timestamp", "age"),
        ([[0.5, 1.0], [0.25, 2.0]], "vector", "lists of 2 numbers"),
        ([{"a": 1}, {"a": 2}], None, "no event can hold"),
        (pa.array([None, None], pa.float64()), "numeric", "empty"),
        (pa.nulls(3), None, "empty"),
        ([float("nan")] * 5, "numeric", "empty"),
    ],
)
def test_the_kind_is_told_with_its_reason(values: Any, kind: str | None, why: str) -> None:
    """Each kind of column is told, and why."""
    found = column(values)
    assert (found.kind, why in found.why) == (kind, True), found


def test_an_id_is_told_by_name_and_values() -> None:
    """A number that hardly comes twice is an id where its name says so; else it is a number."""
    values = np.random.default_rng(0).integers(0, 10**9, ROWS)
    kinds = {said.name: said.kind for said in profiled({"user_id": values, "amount": values}).columns}
    assert kinds == {"user_id": None, "amount": "numeric"}


def test_a_kind_can_be_set() -> None:
    """What is inferred can be overridden, and what cannot be is refused."""
    assert categorical(column(np.arange(100.0) % 30, kinds={"x": "categorical"})).distinct == 30
    assert numeric(column([1, 2, 3] * 20, kinds={"x": "numeric"})).edges == [1.0, 2.0]
    assert column([f"customer-{n}" for n in range(200)], kinds={"x": "text"}).kind == "text"
    with pytest.raises(InputError, match=r"x \(string\) cannot be vector"):
        column(["a"], kinds={"x": "vector"})


def test_what_is_no_number_is_missing() -> None:
    """NaN, infinity and numbers too large to be squared count as missing, and the last two are said."""
    found = column([1.0, 2.0, 3.5, float("nan"), float("inf"), -float("inf"), 1e200, None])
    assert (numeric(found).missing, found.n, found.infinite) == (5 / 8, 3, 3)
    assert (numeric(found).minimum, numeric(found).maximum) == (1.0, 3.5)


def test_a_constant_has_one_bin() -> None:
    """A column of one value has a reference, and cannot drift."""
    found = profiled({"x": [2.5] * 100})
    assert numeric(found.columns[0]).shares == [1.0]
    assert numeric(found.columns[0]).std == 0.0
    assert found.sensitivity[0].not_computable == "the reference has a single value"


def test_an_empty_column_is_followed_without_a_reference() -> None:
    """Where its type is known it stays a feature: a spec that leaves it out would call each of its events odd."""
    found = profiled({"x": pa.array([None, None], pa.float64()), "y": [1.5, 2.5]})
    assert [(feature.name, feature.reference is None) for feature in found.spec.features] == [
        ("x", True),
        ("y", False),
    ]


def test_a_hundred_thousand_categories_and_more() -> None:
    """The common ones are named and counted exactly, the rest is one share, and how many there are is estimated."""
    rng = np.random.default_rng(5)
    rare = rng.permutation(150_000)
    values = np.char.add(
        "c", np.concatenate([rare, rare, np.repeat([1_000_001, 1_000_002], 5_000)]).astype(str)
    )
    found = column(pa.array(rng.permutation(values)), kinds={"x": "categorical"})
    reference = categorical(found)
    assert sorted(reference.shares, key=lambda name: -reference.shares[name])[:2] == ["c1000001", "c1000002"]
    assert reference.shares["c1000001"] == pytest.approx(5_000 / 310_000, rel=1e-5)
    assert sum(reference.shares.values()) + reference.other == pytest.approx(1.0, abs=1e-4)
    assert len(reference.shares) == 50
    assert not found.exact
    assert found.distinct == pytest.approx(150_002, rel=0.01)


def test_numbers_and_text_in_one_column() -> None:
    """Mostly numbers: a number, the text counts as missing and is named. Else categories, numbers as their text."""
    mostly = column(pd.DataFrame({"x": [*np.arange(0.5, 99.5), "n/k"]}))
    assert (mostly.kind, numeric(mostly).missing) == ("numeric", 0.01)
    assert "'n/k'" in mostly.why
    half = column(pd.DataFrame({"x": [1, "a", 2.0, True, None] * 20}))
    assert half.kind == "categorical"
    assert categorical(half).shares == {"1": 0.25, "2": 0.25, "a": 0.25, "true": 0.25}
    assert "mixed" in half.why


def test_a_timestamp_is_followed_by_its_age() -> None:
    """The reference is of seconds from the value to the prediction; without a time there is none."""
    table = pa.table({"at": [1000.0, 2000.0, 3000.0], "x": pa.array([940, 1880, None], pa.timestamp("s"))})
    reference = numeric(column(table, time="at"))
    assert (reference.minimum, reference.maximum) == (60.0, 120.0)
    assert reference.missing == pytest.approx(1 / 3, rel=1e-5)
    assert column(table.drop(["at"])).reference is None


def test_text_is_followed_by_its_length() -> None:
    """An empty text counts as missing."""
    values = [f"word word {'x' * (n % 7)} {n}" for n in range(150)] + ["", None]
    reference = numeric(column(values))
    lengths = [len(value) for value in values if value]
    assert reference.mean == pytest.approx(np.mean(lengths), rel=1e-5)
    assert reference.missing == pytest.approx(2 / 152, rel=1e-5)


def test_a_vector_is_followed_by_its_norm() -> None:
    """As OBSERVE follows it: one that is missing, has gaps or is of another dimension than the first one counts as missing."""
    found = profiled({"x": pa.array([[], [3.0, 4.0], None, [3.0, None], [6.0, 8.0], [1.0]])})
    reference = numeric(found.columns[0])
    assert reference.mean == 7.5
    assert reference.missing == pytest.approx(4 / 6, rel=1e-5)
    assert found.spec.features[0].dimension == 2


MIXED_ROWS = [
    {"n": 1, "f": 1.5, "b": True, "s": "a", "m": 1, "t": "2024-01-01T00:00:00"},
    {"n": 2, "f": 2, "b": False, "s": "b", "m": "x", "t": "2024-01-02T00:00:00"},
    {"n": None, "f": None, "b": None, "s": None, "m": None, "t": None},
] * 30


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "ndjson", "parquet", "frame"])
def test_files_and_frames_say_the_same(tmp_path: Path, ending: str) -> None:
    """The same rows as CSV, NDJSON, Parquet or a frame have the same kinds, references and drift rules."""
    frame = pd.DataFrame(MIXED_ROWS).astype({"n": "Int64", "b": "boolean"})
    source: Any = tmp_path / f"rows.{ending}"
    if ending.startswith("csv"):
        frame.to_csv(source, index=False)
    elif ending == "ndjson":
        source.write_text("".join(json.dumps(row) + "\n" for row in MIXED_ROWS))
    elif ending == "parquet":
        frame.assign(m=frame["m"].map(str, na_action="ignore")).to_parquet(source)
    else:
        source = frame
    found = profiled(source)
    assert {said.name: said.kind for said in found.columns} == {
        "n": "categorical", "f": "numeric", "b": "boolean", "s": "categorical", "m": "categorical", "t": "timestamp",
    }  # fmt: skip
    expected = profiled(frame)
    assert found.spec.features == expected.spec.features
    assert found.spec.drift == expected.spec.drift


def test_a_type_that_changes_late_in_a_file_is_seen(tmp_path: Path) -> None:
    """All of a CSV file tells a column's type: a long run of numbers, then text."""
    path = tmp_path / "late.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("x,y\n" + "".join(f"{n},{n % 50}\n" for n in range(600_000)) + "unknown,late\n" * 60_000)
    found = {said.name: said for said in profiled(path).columns}
    assert found["x"].kind == "numeric"
    assert numeric(found["x"]).missing == pytest.approx(1 / 11, rel=1e-5)
    assert "90.9% numbers; text such as 'unknown'" in found["x"].why
    assert (found["y"].kind, categorical(found["y"]).distinct) == ("categorical", 51)


def test_blocks_do_not_matter(tmp_path: Path) -> None:
    """However a table is cut into chunks, files into row groups: the same bytes."""
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "at": 1.7e9 + np.arange(120_000) * 30.0,
            "x": pa.array(rng.lognormal(size=120_000), mask=rng.random(120_000) < 0.1),
            "c": rng.integers(0, 50_000, 120_000).astype(str),
        }
    )
    parted = pa.concat_tables([table.slice(start, 7_001) for start in range(0, 120_000, 7_001)])
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(table, path, row_group_size=33_333)
    digests = {profiled(source, time="at").spec.digest for source in (table, parted, path)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "", "Empty CSV"),
        ("a.csv", "a,b\n", "no rows"),
        ("a.csv", "a,a\n1,2\n", "one name: a"),
        ("a.csv", "a,b\n1,2\n3\n", "cannot be read"),
        ("a.ndjson", '{"a": 1}\n[2]\n', "each line must be an object"),
        ("a.xlsx", "", "is none of"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    """With a sentence that says what is wrong with it."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        profiled(path)


def test_what_is_known_of_a_season_and_of_spans() -> None:
    """With --season each hour of the week has its own shares; missing values have their own spread from day to day."""
    hours = np.arange(24 * 7 * 10)
    x = np.where(hours % 24 < 12, 1.5, 9.5) + np.random.default_rng(1).normal(0, 0.1, len(hours))
    gone = (hours // 24 % 2 == 0) & (hours % 2 == 0)
    found = numeric(
        column(pa.table({"at": hours * 3600.0, "x": pa.array(x, mask=gone)}), time="at", season=True)
    )
    assert found.missing_std == pytest.approx(0.25, abs=0.03)
    assert len(found.seasons) == 168
    half = sum(found.edges.index(edge) >= 0 for edge in found.edges if edge < 5)
    day, night = found.seasons[3], found.seasons[15]
    assert sum(day[:half]) > sum(night[:half]) + 0.15
    assert sum(day) == pytest.approx(1.0, abs=0.01)
