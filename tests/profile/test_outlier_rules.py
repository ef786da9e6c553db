"""Outlier rules: cuts, pairs and shares as numpy and pandas count them, whatever the rows are stored in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor_stream.errors import InputError
from monitor_stream.events.spec import ModelSpec
from monitor_stream.profile import profile
from monitor_stream.profile.category_pairs import EXPECTED, Together
from tests.observe.test_outliers import looked

DAYS, A_DAY = 10, 1_500
ROWS = DAYS * A_DAY


def rows(seed: int = 1) -> dict[str, Any]:
    """Ten days in which the area decides which colours there are, on the last day one that was not there before."""
    rng = np.random.default_rng(seed)
    area = rng.integers(0, 4, ROWS)
    colour = (area + rng.integers(0, 3, ROWS)) % 4  # never the one before its own
    at = 1.7e9 - 1.7e9 % 86400 + np.arange(ROWS) * 86400 / A_DAY
    return {
        "at": at,
        "amount": rng.lognormal(size=ROWS),
        "grade": rng.integers(1, 40, ROWS),
        "area": np.array(["n", "e", "s", "w"])[area],
        "colour": np.array(["red", "blue", "green", "grey"])[colour],
        "flag": rng.random(ROWS) < 0.5,
    }


def spec_of(table: Any, **more: Any) -> ModelSpec:
    return profile(table, model="m", version="1", task="regression", created=1.0, **more)


@cache
def made() -> ModelSpec:
    """The spec of these rows."""
    return spec_of(rows(), time="at")


def test_a_thousandth_of_the_reference_is_beyond_each_cut() -> None:
    """As numpy says, of a skewed column; and none of one with few values, whose highest is common."""
    table, rules = rows(), made().outliers
    assert rules is not None
    low, middle, high = np.quantile(table["amount"], [0.25, 0.5, 0.75])
    z = np.abs(table["amount"] - middle) / ((high - low) / 1.349)
    assert np.mean(z > rules.cuts["amount"]) == pytest.approx(0.001, abs=2e-4)
    assert looked(made(), [{"grade": 39}, {"grade": 1}])[""] == [2.0, 0.0]


def test_pairs_that_never_came_together_are_those_of_a_cross_table() -> None:
    """The associated pair alone; what came, and what is too rare to say, may come."""
    table, spec = rows(), made()
    assert spec.outliers is not None
    (pair,) = spec.outliers.pairs
    assert (pair.first, pair.second) == ("area", "colour")
    references = {feature.name: feature.reference for feature in spec.features}
    seen = {
        (first, second)
        for first, mask in zip(sorted(references["area"].shares), pair.seen, strict=True)  # type: ignore[union-attr]
        for place, second in enumerate(sorted(references["colour"].shares))  # type: ignore[union-attr]
        if int(mask, 16) >> place & 1
    }
    crossed = pd.crosstab(table["area"], table["colour"])
    assert seen == {(a, c) for a in crossed.index for c in crossed.columns if crossed.loc[a, c]}
    assert len(seen) == 12


def test_the_share_holds_for_rows_that_were_not_profiled() -> None:
    """On other rows of the same law as many are outliers as the rules foretell."""
    fresh, spec = rows(2), made()
    rules = spec.outliers
    assert rules is not None
    names = [feature.name for feature in spec.features]
    events = [
        dict(zip(names, values, strict=True))
        for values in zip(*(fresh[name].tolist() for name in names), strict=True)
    ]
    found = looked(spec, events)[""]
    assert found[1] / found[0] == pytest.approx(rules.share, abs=1e-3)


def test_pairs_that_come_and_go_by_the_day_are_no_rule() -> None:
    """Where each day has combinations of its own, a new one means nothing."""
    table = rows()
    day = np.arange(ROWS) // A_DAY
    table["batch"] = np.array([f"b{number}" for number in day])
    table["shift"] = np.array([f"s{number}" for number in (day * 7 + np.arange(ROWS) % 2) % DAYS])
    rules = spec_of(table, time="at").outliers
    assert rules is not None
    assert {(pair.first, pair.second) for pair in rules.pairs} == {("area", "colour")}


def test_rules_do_not_depend_on_the_file(tmp_path: Path) -> None:
    """A frame, Parquet in small groups and CSV give the same rules."""
    table = pa.table(rows())
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=777)
    table.to_pandas().to_csv(tmp_path / "rows.csv", index=False)
    files = (tmp_path / "rows.parquet", tmp_path / "rows.csv")
    found = [made().outliers, *(spec_of(file, time="at").outliers for file in files)]
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[2] is not None
    assert found[0].cuts == found[2].cuts
    assert [pair.seen for pair in found[0].pairs] == [pair.seen for pair in found[2].pairs]


def test_a_masked_column_that_is_not_there_is_refused() -> None:
    """A slip of the pen would show what should be hidden."""
    with pytest.raises(InputError, match="no column 'incom'"):
        spec_of({"income": np.arange(300.0)}, masked=["incom"])


def test_few_rows_and_constants_have_no_rules() -> None:
    """Below 200 rows nobody knows what is usual; a column of one value has no distance."""
    assert spec_of({"x": np.arange(100.0)}).outliers is None
    rules = spec_of({"x": np.full(500, 3.0)}).outliers
    assert rules is None or rules.cuts == {}


def test_without_times_what_came_once_tells_what_is_to_come() -> None:
    """Good and Turing: the expected share of new pairs is that of pairs that came once."""
    rng = np.random.default_rng(4)
    pair = Together("a", "b", (30, 30))
    first = rng.integers(0, 30, 3000)
    second = (first + rng.geometric(0.3, 3000) - 1) % 30
    pair.see(first, second, np.zeros(3000, np.int64))
    counts = np.zeros((30, 30), int)
    np.add.at(counts, (first, second), 1)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / 3000
    assert pair.novel(1).tolist() == [int(((counts == 1) & (expected >= EXPECTED)).sum())]
    assert pair.missing == bool(((counts == 0) & (expected >= EXPECTED)).any())
