"""Profiles against numpy, scikit-learn and the rows they were made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, r2_score, roc_auc_score

from monitor_stream.errors import InputError, SpecError
from monitor_stream.events.spec import CategoricalReference, ModelSpec, NumericReference, Reference
from monitor_stream.profile import profile

ROWS = 6_000


@pytest.fixture(scope="module")
def rows() -> Any:
    rng = np.random.default_rng(3)
    score = rng.uniform(size=ROWS)
    return pa.table(
        {
            "at": 1.7e9 + np.arange(ROWS) * 60.0,
            "amount": pa.array(rng.lognormal(size=ROWS), mask=rng.random(ROWS) < 0.1),
            "visits": rng.poisson(30, ROWS),
            "plan": pa.array(rng.choice(["free", "pro", "team"], ROWS, p=[0.7, 0.2, 0.1])),
            "code": rng.integers(1, 5, ROWS),
            "member": rng.random(ROWS) < 0.5,
            "note": [f"customer {row}" for row in range(ROWS)],
            "p": score,
            "churned": rng.uniform(size=ROWS) < score,
            "sex": rng.choice(["f", "m"], ROWS),
        }
    )


def churn(rows: Any, **more: Any) -> ModelSpec:
    return profile(
        rows,
        model="churn",
        version="2",
        task="binary",
        score="p",
        label="churned",
        time="at",
        segments=["plan"],
        sensitive=["sex"],
        created=5.0,
        **more,
    )


def reference_of(values: Any) -> Reference | None:
    """The reference of one column."""
    return profile({"x": values}, model="m", version="1", task="regression").features[0].reference


@pytest.fixture(scope="module")
def spec(rows: Any) -> ModelSpec:
    return churn(rows, window_seconds=3600.0, owner="growth")


def test_kinds_are_inferred(spec: ModelSpec) -> None:
    """Numbers, booleans, text and codes are told apart; times, ids, answers and sensitive columns are no input."""
    assert {feature.name: feature.kind for feature in spec.features} == {
        "amount": "numeric",
        "visits": "numeric",
        "plan": "categorical",
        "code": "categorical",
        "member": "boolean",
    }


def test_limits_are_taken_over(spec: ModelSpec) -> None:
    """Any other field of the spec is set as it was given, and the positive class is found in the labels."""
    assert (spec.window_seconds, spec.owner, spec.segments, spec.sensitive) == (
        3600.0,
        "growth",
        ["plan"],
        ["sex"],
    )
    assert (spec.positive, spec.created) == ("true", 5.0)


def test_a_numeric_reference_is_that_of_its_values(rows: Any, spec: ModelSpec) -> None:
    """Moments and range are numpy's, missing values are a share, and 39 edges part equal masses."""
    amount = next(feature for feature in spec.features if feature.name == "amount")
    values = rows["amount"].drop_null().to_numpy()
    reference = amount.reference
    assert isinstance(reference, NumericReference)
    assert (reference.mean, reference.std) == pytest.approx((values.mean(), values.std()), rel=1e-5)
    assert (reference.minimum, reference.maximum) == (amount.minimum, amount.maximum)
    assert reference.minimum <= values.min()
    assert reference.maximum >= values.max()
    assert (reference.minimum, reference.maximum) == pytest.approx((values.min(), values.max()), abs=1e-3)
    assert reference.missing == pytest.approx(rows["amount"].null_count / ROWS, rel=1e-5)
    assert len(reference.edges) == 39
    assert reference.shares == pytest.approx([1 / 40] * 40, abs=2 / len(values))


def test_a_categorical_reference_is_that_of_its_values(rows: Any, spec: ModelSpec) -> None:
    """Shares are counted, the commonest first; codes are text without a decimal point."""
    by_name = {feature.name: feature.reference for feature in spec.features}
    plan, code = by_name["plan"], by_name["code"]
    assert isinstance(plan, CategoricalReference)
    assert isinstance(code, CategoricalReference)
    assert list(plan.shares) == ["free", "pro", "team"]
    expected = rows["plan"].to_pandas().value_counts(normalize=True).to_dict()
    assert plan.shares == pytest.approx(expected, rel=1e-5)
    assert sorted(code.shares) == ["1", "2", "3", "4"]
    assert isinstance(spec.score, NumericReference)
    assert isinstance(spec.label, CategoricalReference)


def test_rare_categories_are_counted_together() -> None:
    """Fifty categories have names; the shares of the rest add up in `other`, and what is rare is counted."""
    text = pa.array([f"c{n:02}" for n in range(60) for _ in range(60 - n)] + [None])
    found = reference_of(text)
    assert isinstance(found, CategoricalReference)
    assert len(found.shares) == 50
    assert found.other == pytest.approx(sum(range(1, 11)) / sum(range(1, 61)), rel=1e-5)
    assert sum(found.shares.values()) + found.other == pytest.approx(1, abs=1e-5)
    assert found.missing == pytest.approx(1 / len(text), rel=1e-5)
    assert (found.distinct, found.singletons) == (60, 1)


def test_the_baseline_is_the_mean_over_windows_in_time(rows: Any, spec: ModelSpec) -> None:
    """Metrics and their spread are scikit-learn's, over windows of `min_samples` rows one after another."""
    truth, score = np.asarray(rows["churned"]), np.asarray(rows["p"])
    parts = np.split(np.arange(ROWS), 12)
    expected = {
        "accuracy": [np.mean((score[p] >= 0.5) == truth[p]) for p in parts],
        "f1": [f1_score(truth[p], score[p] >= 0.5) for p in parts],
        "brier": [np.mean((score[p] - truth[p]) ** 2) for p in parts],
    }
    for metric, values in expected.items():
        found = spec.baseline[metric]
        assert (found.mean, found.std, found.windows) == pytest.approx(
            (np.mean(values), np.std(values, ddof=1), 12), rel=1e-5
        )
    auc = np.mean([roc_auc_score(truth[p], score[p]) for p in parts])
    assert spec.baseline["auc"].mean == pytest.approx(auc, abs=1e-3)  # from a histogram of scores


def test_the_error_scale_is_that_of_all_rows(rows: Any, spec: ModelSpec) -> None:
    """Mean and standard deviation of the error of 0 or 1."""
    wrong = (np.asarray(rows["p"]) >= 0.5) != np.asarray(rows["churned"])
    assert spec.error_scale is not None
    assert (spec.error_scale.mean, spec.error_scale.std) == pytest.approx(
        (wrong.mean(), wrong.std()), rel=1e-5
    )


def test_time_orders_the_windows_not_the_rows(rows: Any, spec: ModelSpec) -> None:
    """Shuffled rows give the same profile."""
    shuffled = rows.take(np.random.default_rng(0).permutation(ROWS))
    again = churn(shuffled, window_seconds=3600.0, owner="growth")
    assert again.baseline == spec.baseline
    assert again.digest == spec.digest


def test_a_regression_has_its_own_metrics() -> None:
    """MAE, R² and the scale of the absolute error; rows without a label do not count."""
    rng = np.random.default_rng(8)
    truth = rng.normal(100, 20, 2_000)
    answer = truth + rng.normal(1, 5, 2_000)
    table = pa.table({"x": truth, "y_hat": answer, "y": pa.array(truth, mask=np.arange(2_000) % 2 == 1)})
    spec = profile(table, model="m", version="1", task="regression", prediction="y_hat", label="y")
    parts = np.split(np.arange(0, 2_000, 2), 10)
    mae = [mean_absolute_error(truth[p], answer[p]) for p in parts]
    assert spec.baseline["mae"].mean == pytest.approx(np.mean(mae), rel=1e-5)
    assert spec.baseline["mae"].windows == 10
    assert spec.baseline["r2"].mean == pytest.approx(
        np.mean([r2_score(truth[p], answer[p]) for p in parts]), rel=1e-5
    )
    error = np.abs(answer - truth)[::2]
    assert spec.error_scale is not None
    assert (spec.error_scale.mean, spec.error_scale.std) == pytest.approx(
        (error.mean(), error.std()), rel=1e-5
    )
    assert isinstance(spec.label, NumericReference)


def test_several_classes_are_named() -> None:
    """A multiclass model's classes are those of its labels, and its probabilities make a log loss."""
    rng = np.random.default_rng(4)
    label = rng.choice(["ant", "bee", "cow"], 600)
    table = pa.table({"size": rng.normal(size=600), "label": label, "answer": rng.permutation(label),
                      "pa": np.full(600, 0.2), "pb": np.full(600, 0.3), "pc": np.full(600, 0.5)})  # fmt: skip
    spec = profile(
        table,
        model="m",
        version="1",
        task="multiclass",
        prediction="answer",
        scores={"ant": "pa", "bee": "pb", "cow": "pc"},
        label="label",
    )
    assert spec.classes == ["ant", "bee", "cow"]
    assert [feature.name for feature in spec.features] == ["size"]
    p = np.select([label == "ant", label == "bee"], [0.2, 0.3], 0.5)
    assert spec.baseline["log_loss"].mean == pytest.approx(-np.log(p).mean(), rel=1e-5)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_any_library_gives_the_same_profile(rows: Any, spec: ModelSpec, library: str) -> None:
    """What the table is held in does not matter."""
    frame: pd.DataFrame | pl.DataFrame = rows.to_pandas() if library == "pandas" else pl.DataFrame(rows)
    assert churn(frame, window_seconds=3600.0, owner="growth").features == spec.features


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"label": "truth"}, InputError, "no column 'truth'"),
        ({"features": ["note"]}, InputError, "note .* is no feature"),
        ({"window": 60.0}, SpecError, "unknown field `window`"),
        ({"window_seconds": -1.0}, SpecError, "window_seconds"),
        ({"task": "ranking"}, SpecError, "ranking"),
        ({"label": "note"}, SpecError, "fit a binary task"),
    ],
    ids=["no column", "no feature", "no field", "out of range", "no task", "no class"],
)
def test_what_cannot_be_is_said(
    rows: Any, change: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    """Each mistake has an error of its kind and a sentence that names it."""
    fields = {"model": "m", "version": "1", "task": "binary", "score": "p", "label": "churned"} | change
    with pytest.raises(error, match=sentence):
        profile(rows, **fields)


@pytest.mark.parametrize("table", [pa.table({"a": pa.array([], pa.int64())}), 7], ids=["no rows", "no table"])
def test_without_rows_there_is_no_profile(table: Any) -> None:
    """Neither an empty table nor a number is a reference."""
    with pytest.raises(InputError):
        profile(table, model="m", version="1", task="regression")
