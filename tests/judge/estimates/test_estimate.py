"""Estimated metrics, and how far realised ones lie from them, against drawing the labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from monitor_stream.events.calibration_bins import calibration_edges
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Estimates
from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.spec import ErrorScale, Estimator, ModelSpec
from monitor_stream.events.tables import NEAR, SCORE_BINS, confusion_group
from monitor_stream.judge.estimates.estimate import METRICS, estimate
from monitor_stream.judge.sums import Rows, Sums

DRAWS = 400
BINARY = ModelSpec(model="m", version="1", task="binary", threshold=0.4)
CLASSES = ("a", "b", "c")


def foretold(score: Floats, chance: Floats) -> Sums:
    """The sums of a binary window, as the contract has them."""
    said = (score >= BINARY.threshold).astype(float)
    columns = [
        np.ones(len(score)),
        said * chance,
        said * (1 - chance),
        (1 - said) * (1 - chance),
        (1 - said) * chance,
        -(chance * np.log(score) + (1 - chance) * np.log(1 - score)),
        chance * (1 - score) ** 2 + (1 - chance) * score**2,
        chance * (1 - chance),
    ]
    sums = Sums()
    sums.add("estimates", Rows([""], np.sum(columns, axis=1)[None, :]))
    bins = [np.bincount(score_bin(score), weights, SCORE_BINS) for weights in (1 - chance, chance)]
    sums.add("estimated_scores", Rows(["negative", "positive"], np.array(bins)))
    near, doubt = np.abs(score - BINARY.threshold) <= NEAR, np.minimum(score, 1 - score)
    sums.add("proxies", Rows([""], np.array([[len(score), near.sum(), doubt.sum()]])))
    return sums


def window(n: int = 2000) -> tuple[Floats, Floats]:
    """Scores, and what they mean: the model is too sure of itself."""
    score = np.random.default_rng(0).beta(1.2, 2.0, n) * 0.98 + 0.01
    return score, 0.1 + 0.7 * score


def realised(score: Floats, label: Any) -> dict[str, float]:
    """What the labels make of a window, by scikit-learn and numpy."""
    said, edges = score >= BINARY.threshold, calibration_edges(BINARY)
    place = np.searchsorted(edges, score)
    distance = [abs((score - label)[place == at].sum()) for at in range(len(edges) + 1)]
    return {
        "accuracy": float((said == label).mean()),
        "precision": float(label[said].mean()),
        "recall": float(said[label].mean()),
        "f1": float(f1_score(label, said)),
        "auc": float(roc_auc_score(label, score)),
        "log_loss": float(log_loss(label, score)),
        "brier": float(((score - label) ** 2).mean()),
        "ece": sum(distance) / len(score),
    }


def drawn(
    draw: Callable[[np.random.Generator], dict[str, float]],
) -> dict[str, Floats]:
    random = np.random.default_rng(1)
    worlds = [draw(random) for _ in range(DRAWS)]
    return {name: np.array([world[name] for world in worlds]) for name in worlds[0]}


def agree(found: Estimates, worlds: dict[str, Floats], spread: float = 0.12) -> None:
    """The estimate is the mean of what labels would say, and its band holds 95 of 100 of them."""
    assert set(found.values) == set(found.bands) == set(worlds)
    for name, values in worlds.items():
        reach = (found.bands[name][1] - found.bands[name][0]) / 2
        assert found.values[name] == pytest.approx(values.mean(), abs=0.1 * reach), name
        assert reach == pytest.approx(1.96 * values.std(), rel=spread), name
        low, high = found.bands[name]
        assert 0.92 <= ((low <= values) & (values <= high)).mean() <= 0.98, name


def test_binary_estimates_are_what_labels_would_say() -> None:
    """Every metric is the mean over drawn labels, with a band that holds 95 of 100 draws."""
    score, chance = window()
    found = estimate(foretold(score, chance), BINARY)
    assert found is not None
    assert tuple(found.values) == METRICS["binary"]
    assert found.n == 2000
    agree(found, drawn(lambda random: realised(score, random.random(len(score)) < chance)))
    assert found.near_threshold == pytest.approx(np.mean(np.abs(score - 0.4) <= NEAR))
    assert found.uncertainty == pytest.approx(np.minimum(score, 1 - score).mean())


def test_the_spread_of_the_reference_widens_the_band() -> None:
    """Sampling and spread add as variances do; a band stays within what a metric can be."""
    sums = foretold(*window())
    plain = estimate(sums, BINARY)
    spec = ModelSpec(model="m", task="binary", estimator=Estimator(spread={"accuracy": 0.05, "auc": 9.0}))
    wider = estimate(sums, spec)
    assert plain is not None
    assert wider is not None
    of_sampling = (plain.bands["accuracy"][1] - plain.bands["accuracy"][0]) / 2
    reach = (wider.bands["accuracy"][1] - wider.bands["accuracy"][0]) / 2
    assert reach == pytest.approx(math.hypot(of_sampling, 1.96 * 0.05), rel=1e-4)
    assert wider.bands["auc"] == (0.0, 1.0)
    assert wider.bands["brier"] == plain.bands["brier"]


def test_multiclass_estimates_are_what_labels_would_say() -> None:
    """Accuracy and macro F1 with bands that hold; the loss is right, and its band not too narrow."""
    random = np.random.default_rng(0)
    chance = random.dirichlet([0.7, 0.5, 0.3], 3000)
    said = chance.argmax(axis=1)
    of_said = chance[np.arange(3000), said]
    losses = -np.log(np.maximum(chance, 1e-12))
    sums = Sums()
    row = [3000.0, of_said.sum(), (chance * losses).sum(), (of_said * (1 - of_said)).sum()]
    sums.add("estimates", Rows([""], np.array([row])))
    cells = {
        confusion_group(mine, true): chance[said == at, of].sum()
        for at, mine in enumerate(CLASSES)
        for of, true in enumerate(CLASSES)
    }
    sums.add("estimated_confusion", Rows(list(cells), np.array(list(cells.values()))[:, None]))
    found = estimate(sums, ModelSpec(model="m", task="multiclass"))
    assert found is not None

    def world(random: np.random.Generator) -> dict[str, float]:
        label = (random.random(3000)[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
        return {
            "accuracy": float((label == said).mean()),
            "macro_f1": float(f1_score(label, said, average="macro")),
            "log_loss": float(losses[np.arange(3000), label].mean()),
        }

    worlds = drawn(world)
    loss = worlds.pop("log_loss")
    assert found.values["log_loss"] == pytest.approx(loss.mean(), rel=0.01)
    assert 1.0 < (found.bands["log_loss"][1] - found.values["log_loss"]) / (1.96 * loss.std()) < 3.0
    rest = {name: value for name, value in found.values.items() if name != "log_loss"}
    bands = {name: found.bands[name] for name in rest}
    agree(Estimates(n=found.n, values=rest, bands=bands), worlds, spread=0.2)


def test_a_regression_is_off_by_what_the_reference_was_off_by() -> None:
    """The mean absolute error, with the deviation of the reference's errors about what was foretold."""
    sums = Sums()
    sums.add("estimates", Rows([""], np.array([[400.0, 1000.0]])))
    spec = ModelSpec(
        model="m",
        task="regression",
        estimator=Estimator(gap=ErrorScale(0.0, 2.0), spread={"mae": 0.3}),
    )
    found = estimate(sums, spec)
    assert found is not None
    assert found.values == {"mae": 2.5}
    assert found.bands["mae"] == pytest.approx((2.5 - 1.96 * math.hypot(0.1, 0.3), 2.5 + 1.96 * math.hypot(0.1, 0.3)), rel=1e-4)  # fmt: skip


def test_nothing_foretold_is_said_to_be_so() -> None:
    """No rows, no estimates; proxies alone come with the reason why there is no more."""
    assert estimate(Sums(), BINARY) is None
    sums = Sums()
    sums.add("proxies", Rows([""], np.array([[4.0, 1.0, 1.0]])))
    found = estimate(sums, BINARY)
    assert found == Estimates(
        not_computable={"accuracy": "the spec has no estimator"}, near_threshold=0.25, uncertainty=0.25
    )
    other = estimate(foretold(*window()), ModelSpec(model="m", task="multiclass"))
    assert other is not None
    assert (other.n, other.values) == (0, {})


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_certain_answers_have_no_band_and_no_nan(chance: float) -> None:
    """Where all is foretold for certain, sampling adds nothing, and what has one class is not computable."""
    score = np.full(10, 0.9)
    found = estimate(foretold(score, np.full(10, chance)), BINARY)
    assert found is not None
    assert found.values["accuracy"] == chance
    assert found.bands["accuracy"] == (chance, chance)
    assert "auc" in found.not_computable
    assert all(math.isfinite(value) for value in found.values.values())
    assert all(math.isfinite(end) for band in found.bands.values() for end in band)
