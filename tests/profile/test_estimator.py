"""What is fitted to foretell errors: against scikit-learn, against OBSERVE, and where there is nothing to fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Ridge

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import DAY, IsotonicMap, Specs
from monitor_stream.profile import loss_model, profile
from monitor_stream.profile.isotonic import fit
from monitor_stream.profile.loss_model import Binned, chosen, expected, telling
from monitor_stream.profile.profile import describe
from monitor_stream.profile.show import show
from monitor_stream.replay import Replay, replay
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.order import merge
from monitor_stream.replay.table import events

ROWS = 6_000
START = 1_704_067_200.0


def mapped(known: IsotonicMap, scores: Floats) -> Floats:
    return np.interp(scores, known.scores, known.probabilities)


SCORES = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=200)


@settings(max_examples=60)
@given(SCORES)
def test_the_map_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    """Within .0005 everywhere, ties and few rows included; it never falls, and stays a probability."""
    scores = np.array([score / 40 for score, _ in rows])
    positive = np.array([float(label) for _, label in rows])
    found, theirs = fit(scores, positive), IsotonicRegression(out_of_bounds="clip").fit(scores, positive)
    at = np.linspace(-0.1, 1.1, 200)
    assert mapped(found, at) == pytest.approx(theirs.predict(at), abs=5e-4 + 1e-9)
    assert found.scores == sorted(set(found.scores))
    assert found.probabilities == sorted(found.probabilities)
    assert 0.0 <= found.probabilities[0] <= found.probabilities[-1] <= 1.0


def test_the_map_is_short() -> None:
    """Twenty thousand different scores leave a map that a person can read, within .0005 of all points."""
    random = np.random.default_rng(0)
    scores = random.beta(1.0, 3.0, 20_000).round(6)
    positive = (random.random(20_000) < scores).astype(float)
    found = fit(scores, positive)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, positive)
    assert np.abs(mapped(found, scores) - theirs.predict(scores)).max() <= 5e-4
    assert len(found.scores) < 150


def binary(rows: int = ROWS, seed: int = 0, **more: Any) -> Any:
    """A model that is too sure of itself, on rows ten minutes apart."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.8, 1.6, rows)
    score = (chance**2 / (chance**2 + (1 - chance) ** 2)).round(4)
    table = {
        "at": START + np.arange(rows) * 600.0,
        "score": score,
        "said": score >= 0.5,
        "label": random.random(rows) < chance,
    }
    return pa.table(table | more)


def of_binary(table: Any, **more: Any) -> Any:
    given: dict[str, Any] = {
        "model": "m", "version": "1", "task": "binary", "prediction": "said", "score": "score",
        "label": "label", "time": "at", "features": [],
    }  # fmt: skip
    return describe(table, **given | more)


def judged(table: Any, spec: Any, **columns: Any) -> Replay:
    named = Columns(timestamp="at", label="label", **columns)
    predictions, labels = events(table, spec, named)
    return replay(merge([("predictions", predictions)], [("labels", labels)]), Specs([spec]))


def test_estimates_on_other_rows_are_right() -> None:
    """What is fitted on one half foretells the metrics of the other; the share of windows whose band holds is what it says."""
    spec = of_binary(binary(), window_seconds=DAY, horizon_seconds=DAY).spec
    estimator = spec.estimator
    assert estimator is not None
    assert list(estimator.maps) == ["true"]
    assert estimator.rows == ROWS
    assert estimator.gap is not None
    assert abs(estimator.gap.mean) < 0.01
    assert estimator.gap.std == pytest.approx(spec.error_scale.std, rel=0.1)
    assert set(estimator.spread) == {
        "accuracy", "auc", "brier", "ece", "f1", "log_loss", "precision", "recall",
    }  # fmt: skip
    found = judged(binary(ROWS, seed=1), spec, prediction="said", score="score")
    held = []
    for window in found.windows:
        assert window.estimates is not None
        low, high = window.estimates.bands["accuracy"]
        held.append(low <= window.metrics.values["accuracy"] <= high)
    assert 0.85 <= np.mean(held) <= 1.0
    mean = np.mean([w.estimates.values["accuracy"] for w in found.windows if w.estimates])
    assert mean == pytest.approx(np.mean([w.metrics.values["accuracy"] for w in found.windows]), abs=0.015)
    contradiction = found.models["m"].versions["1"].contradiction
    assert contradiction is not None
    assert not contradiction.active


def test_days_that_are_worse_than_their_scores_say_have_a_spread() -> None:
    """Where every other week is worse than foretold, estimates and gap say by how much they were off."""
    random = np.random.default_rng(0)
    table = binary(20_000)
    at = np.asarray(table["at"])
    wrong = (at // (7 * DAY) % 2 == 1) & (random.random(len(at)) < 0.2)
    table = table.set_column(3, "label", pa.array(np.asarray(table["label"]) ^ wrong))
    restless = of_binary(table).spec.estimator
    calm = of_binary(binary(20_000)).spec.estimator
    assert restless.spread["accuracy"] > 0.03 > 2 * calm.spread["accuracy"]
    assert restless.gap.between > 0.02 > 2 * calm.gap.between


def test_what_is_foretold_of_a_stretch_was_fitted_on_others() -> None:
    """A last fifth that is worse than its scores say elsewhere shows: on itself a map would look right."""
    random = np.random.default_rng(0)
    table = binary(5_000)
    worse = (np.arange(5_000) >= 4_000) & (random.random(5_000) < 0.3)
    table = table.set_column(3, "label", pa.array(np.asarray(table["label"]) ^ worse))
    estimator = of_binary(table).spec.estimator
    assert estimator.spread["accuracy"] > 0.05
    assert estimator.gap.between > 0.02


def test_several_classes_have_a_map_each() -> None:
    """Probabilities that are twice as sure as they should be are drawn back, and accuracy is foretold."""
    random = np.random.default_rng(0)
    chance = random.dirichlet([1.0, 0.8, 0.6], ROWS)
    sure = chance**2 / (chance**2).sum(axis=1, keepdims=True)
    label = (random.random(ROWS)[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
    names = np.array(["a", "b", "c"])
    table = pa.table(
        {"at": START + np.arange(ROWS) * 600.0, "label": names[label], "said": names[sure.argmax(axis=1)]}
        | {f"p_{name}": sure[:, place].round(5) for place, name in enumerate(names)}
    )
    scores = {name: f"p_{name}" for name in names.tolist()}
    spec = profile(
        table, model="m", version="1", task="multiclass", prediction="said", scores=scores, label="label",
        time="at", features=[], window_seconds=10 * DAY,
    )  # fmt: skip
    assert spec.estimator is not None
    assert list(spec.estimator.maps) == ["a", "b", "c"]
    assert {"accuracy", "macro_f1", "log_loss"} <= set(spec.estimator.spread)
    for window in judged(table, spec, prediction="said", scores=scores).windows:
        assert window.estimates is not None
        assert window.estimates.values["accuracy"] == pytest.approx(
            window.metrics.values["accuracy"], abs=0.05
        )


def regression(rows: int = ROWS, seed: int = 0) -> Any:
    """Errors that are larger at some hours and in one city, and larger still where the size is missing."""
    random = np.random.default_rng(seed)
    hour, size = random.integers(0, 24, rows), random.lognormal(size=rows).round(3)
    city = random.choice(["oslo", "rome", "lima"], rows, p=[0.6, 0.3, 0.1])
    member, gone, lost = random.random(rows) < 0.5, random.random(rows) < 0.1, random.random(rows) < 0.1
    scale = 1.0 + 0.1 * hour + 2.0 * (city == "lima") * ~lost + 1.5 * gone + 0.5 * member + 3.0 * lost
    truth = random.normal(100.0, 20.0, rows)
    return pa.table(
        {
            "at": START + np.arange(rows) * 600.0,
            "hour": hour,
            "size": pa.array(size, mask=gone),
            "city": pa.array(city, mask=lost),
            "member": member,
            "said": truth + scale * random.normal(size=rows),
            "label": truth,
        }
    )


def of_regression(table: Any, **more: Any) -> Any:
    return describe(
        table, model="m", version="1", task="regression", prediction="said", label="label", time="at",
        **more,
    )  # fmt: skip


def test_a_loss_model_foretells_what_observe_foretells() -> None:
    """The estimated error of the reference's own rows is that of the model on its bins, and follows the realised one."""
    table = regression()
    spec = of_regression(table, window_seconds=DAY, horizon_seconds=DAY).spec
    estimator = spec.estimator
    assert estimator is not None
    assert estimator.loss is not None
    assert estimator.rows == ROWS
    assert {"hour", "city", "size", "member"} <= set(estimator.loss.weights)
    weights = estimator.loss.weights
    assert weights["size"][-1] > 0.5
    features = {name: name for name in ("hour", "size", "city", "member")}
    found = judged(table, spec, prediction="said", features=features)
    total = sum(w.estimates.n * w.estimates.values["mae"] for w in found.windows if w.estimates)
    # A weight for each bin that a row is in, added up by hand.
    lima = list(spec.features[2].reference.shares).index("lima")
    assert weights["city"][lima] > 0.5
    assert weights["city"][-1] > 1.0
    assert weights["city"][-2] == 0.0  # there was no other city
    assert total / ROWS == pytest.approx(spec.error_scale.mean, rel=0.02)
    for window in found.windows[:-1]:
        assert window.estimates is not None
        low, high = window.estimates.bands["mae"]
        assert low - 0.3 < window.metrics.values["mae"] < high + 0.3


def test_the_loss_model_is_ridge_on_one_hot_bins() -> None:
    """The weights are scikit-learn's, to the four digits that are kept."""
    random = np.random.default_rng(0)
    codes = {name: random.integers(0, 6, 2_000).astype(np.uint8) for name in ("a", "b")}
    errors = random.exponential(1.0 + 0.5 * codes["a"] + 3.0 * (codes["b"] == 2))
    found = loss_model.fit(Binned(codes, {"a": 7, "b": 7}, errors), 10.0)
    hot = np.hstack([np.eye(7)[codes[name]] for name in ("a", "b")])
    theirs = Ridge(alpha=10.0, fit_intercept=False).fit(hot, errors - errors.mean())
    weights = np.concatenate([found.weights["a"], found.weights["b"]])
    assert weights == pytest.approx(theirs.coef_, abs=1e-3)
    assert found.intercept == pytest.approx(errors.mean(), rel=1e-3)


def test_columns_that_tell_nothing_are_left_out() -> None:
    """Noise has no weights, and of many columns those stay that tell most."""
    random = np.random.default_rng(0)
    codes = {f"x{at}": random.integers(0, 10, 3_000).astype(np.uint8) for at in range(40)}
    errors = random.exponential(size=3_000) + sum(0.2 * codes[f"x{at}"] for at in range(30))
    rows = Binned(codes, dict.fromkeys(codes, 11), errors)
    assert len(telling(rows)) == loss_model.MOST_COLUMNS
    plain = Binned(codes, dict.fromkeys(codes, 11), random.exponential(size=3_000))
    assert len(telling(plain)) <= 5
    penalty, foretold = chosen(rows, [slice(0, 1_500), slice(1_500, 3_000)])
    assert penalty in loss_model.PENALTIES
    assert np.corrcoef(foretold, errors)[0, 1] > 0.5
    assert np.corrcoef(expected(loss_model.fit(rows, penalty), rows), errors)[0, 1] > 0.2


@pytest.mark.parametrize(
    ("table", "options", "why"),
    [
        (binary(), {"score": None}, "no score says how sure the model is"),
        (binary(), {"label": None}, "there is no label, or no answer"),
        (binary(100), {}, "fewer than 200 rows have a score and a label"),
        (binary(500).set_column(3, "label", pa.array([True] * 500)), {}, "all labels are of one class"),
    ],
)
def test_a_classification_without_what_it_needs_says_why(
    table: Any, options: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No estimator in the spec, and the reason in the output."""
    found = of_binary(table, **options)
    assert found.spec.estimator is None
    assert found.no_estimates == why
    show(found)
    assert f"No estimates before labels: {why}" in capsys.readouterr().out


def test_errors_that_follow_from_nothing_are_not_foretold() -> None:
    """A constant would say that all is well for ever: a regression whose errors no column tells has no estimator."""
    random = np.random.default_rng(0)
    table = pa.table({"at": START + np.arange(2_000) * 60.0, "x": random.normal(size=2_000), "said": random.normal(size=2_000), "label": np.zeros(2_000)})  # fmt: skip
    table = table.set_column(3, "label", pa.array(np.asarray(table["said"]) + random.normal(size=2_000)))
    found = of_regression(table)
    assert found.spec.estimator is None
    assert found.no_estimates == "the size of the error does not follow from the columns"
    assert of_regression(table.slice(0, 150)).no_estimates.startswith("fewer than 200 rows")


def test_what_was_fitted_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The output names the estimator and by how much it was off."""
    show(of_binary(binary()))
    out = capsys.readouterr().out
    assert "isotonic maps of 1 classes" in out
    assert "accuracy ±" in out
    show(of_regression(regression()))
    assert "a loss model of" in capsys.readouterr().out
