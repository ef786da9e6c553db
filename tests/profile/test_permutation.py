"""How much a model leans on each feature, by asking it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.inspection import permutation_importance as batch_importance
from sklearn.linear_model import LinearRegression

from monitor_stream.errors import InputError, SpecError
from monitor_stream.events.spec import ModelSpec
from monitor_stream.profile import profile
from monitor_stream.profile.permutation import ROWS

Floats = npt.NDArray[np.float64]


def table(n: int = 1_500) -> pd.DataFrame:
    """A truth that is mostly `strong`, a little `weak`, and has nothing to do with `idle`; a category that matters too."""
    random = np.random.default_rng(5)
    rows = pd.DataFrame({name: random.normal(size=n) for name in ("strong", "weak", "idle")})
    rows["kind"] = random.choice(["a", "b"], n)
    rows["late"] = random.random(n) < 1.0 / (1.0 + np.exp(-_logit(rows)))
    rows["minutes"] = _logit(rows) + random.normal(size=n) / 4
    return rows


def _logit(rows: Any) -> Floats:
    strong, weak = (np.asarray(rows[name], float) for name in ("strong", "weak"))
    logit: Floats = 3.0 * strong + weak + 0.5 * (np.asarray(rows["kind"]) == "a")
    return logit


def score(rows: Any) -> Floats:
    probability: Floats = 1.0 / (1.0 + np.exp(-_logit(rows)))
    return probability


def importance(rows: Any, predict: Any, label: str | None = "late", task: str = "binary") -> dict[str, float]:
    features = ["strong", "weak", "idle", "kind"]
    spec: ModelSpec = profile(
        rows, model="m", version="1", task=task, label=label, features=features, predict=predict, created=1.0
    )
    found = {feature.name: feature.importance for feature in spec.features}
    assert all(weight is not None for weight in found.values())
    return {name: weight for name, weight in found.items() if weight is not None}


@pytest.fixture(scope="module")
def ranked() -> dict[str, float]:
    return importance(table(), score)


def test_features_are_ranked_by_what_the_answers_lose(ranked: dict[str, float]) -> None:
    """What the model does not use has none, however it is spread."""
    assert ranked["strong"] > 3 * ranked["weak"] > 0.0
    assert ranked["weak"] > ranked["kind"] > 0.0
    assert ranked["idle"] == 0.0


def test_it_is_what_scikit_learn_finds() -> None:
    """Of a regression, on the same rows and by the same loss; but for the permutations themselves."""
    rows, names = table(), ["strong", "weak", "idle"]
    model = LinearRegression().fit(rows[names], rows["minutes"])
    found = profile(
        rows,
        model="m",
        version="1",
        task="regression",
        label="minutes",
        features=names,
        predict=model.predict,
    )
    twin = batch_importance(
        model, rows[names], rows["minutes"], scoring="neg_mean_absolute_error", n_repeats=20, random_state=0
    )
    for feature, expected in zip(found.features, twin.importances_mean, strict=True):
        assert feature.importance == pytest.approx(expected, rel=0.05, abs=0.002)


@pytest.mark.parametrize("load", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "pyarrow"])
def test_the_library_does_not_matter(load: Any, ranked: dict[str, float]) -> None:
    """The model gets rows as they came, the same ones in every library."""
    kinds: list[type] = []

    def predict(rows: Any) -> Floats:
        kinds.append(type(rows))
        return score(rows)

    loaded = load(table())
    assert importance(loaded, predict) == ranked
    assert set(kinds) == {type(loaded)}


def test_a_file_is_asked_about_in_a_sample(tmp_path: Path) -> None:
    """2,000 rows of it, the same as of the frame that it holds, on every run."""
    rows, asked = table(5_000), list[int]()

    def predict(some: Any) -> Floats:
        asked.append(len(some))
        return score(some)

    pq.write_table(pa.Table.from_pandas(rows), tmp_path / "rows.parquet")
    found = importance(tmp_path / "rows.parquet", predict)
    assert found == importance(rows, score)
    assert set(asked) == {ROWS}


def test_without_a_label_it_is_how_far_answers_move() -> None:
    """The model's own answers stand for the truth."""
    found = importance(table(), score, label=None)
    assert found["strong"] > found["weak"] > found["kind"] > found["idle"] == 0.0


def test_predictions_do_as_well_as_scores() -> None:
    """Booleans, the names of classes, and classes of more than two."""
    rows = table()
    by_bool = importance(rows, lambda some: score(some) > 0.5)
    by_name = importance(rows, lambda some: np.where(score(some) > 0.5, "true", "false"))
    assert by_bool == by_name
    assert by_bool["strong"] > by_bool["idle"] == 0.0
    rows["size"] = np.select([_logit(rows) < -1, _logit(rows) < 1], ["small", "middle"], "large")
    by_class = importance(
        rows,
        lambda some: np.select([_logit(some) < -1, _logit(some) < 1], ["small", "middle"], "large"),
        "size",
        "multiclass",
    )
    assert by_class["strong"] > by_class["weak"] > by_class["idle"] == 0.0


def test_rows_without_a_label_are_left_out(ranked: dict[str, float]) -> None:
    """They say nothing of what an answer loses."""
    rows = table()
    some = rows.astype({"late": object}).mask(pd.DataFrame({"late": np.arange(len(rows)) % 3 == 0}), None)
    some[["strong", "weak", "idle", "kind"]] = rows[["strong", "weak", "idle", "kind"]]
    found = importance(some, score)
    assert found["strong"] == pytest.approx(ranked["strong"], rel=0.2)


def test_an_answer_of_another_shape_is_refused() -> None:
    """With what was expected, and what to give instead."""
    with pytest.raises(InputError, match=r"the shape \(1500, 2\).*those of the positive class"):
        importance(table(), lambda rows: np.stack([1 - score(rows), score(rows)], axis=1))


def test_weights_of_two_kinds_are_refused() -> None:
    """Importances that were given cannot be ranked among those that were found."""
    with pytest.raises(SpecError, match="either `importance` or `predict`"):
        profile(table(), model="m", version="1", task="binary", importance={"weak": 1.0}, predict=score)
