"""Answers and scored pairs: groups, calibration, intervals, and what is foretold, at the edges and against batch twins."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from monitor_stream.events.calibration_bins import calibration_edges
from monitor_stream.events.codec import decode_delta
from monitor_stream.events.fold import Batch, Limits, Seat, Topic
from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.spec import (
    OTHER,
    CategoricalReference,
    Estimator,
    Feature,
    IsotonicMap,
    LossModel,
    ModelSpec,
    NumericReference,
    Specs,
)
from monitor_stream.events.tables import CALIBRATION_BINS, ESTIMATES, PERFORMANCE, SCORE_BINS
from monitor_stream.observe import Observe, emit
from monitor_stream.observe.scoring.isotonic import Isotonic
from monitor_stream.observe.scoring.loss_model import ExpectedErrors
from tests.observe.streams import Totals

NOW = 1_700_000_000.0
UNIT = NumericReference(
    n=9,
    missing=0.0,
    mean=0.5,
    std=0.3,
    minimum=0.0,
    maximum=1.0,
    edges=[step / 20 for step in range(1, 20)],
    shares=[0.05] * 20,
)


def new(spec: ModelSpec) -> Observe:
    return Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs([spec]), Limits())


def send(fold: Observe, topic: Topic, events: list[dict[str, Any]]) -> None:
    values = [
        json.dumps({"model": "m", "prediction_id": str(at), "timestamp": NOW + 1e-3 * at} | event).encode()
        for at, event in enumerate(events)
    ]
    fold.apply(Batch(topic=topic, offsets=range(len(values)), timestamps=[NOW] * len(values), values=values))


def told(spec: ModelSpec, events: list[dict[str, Any]], truths: list[Any]) -> Totals:
    """What is said of predictions and their labels."""
    fold = new(spec)
    send(fold, "predictions", events)
    send(fold, "labels", [{"label": truth} for truth in truths])
    return Totals(list(fold.drain().messages))


def rows(totals: Totals, table: str) -> dict[str, list[float]]:
    """The rows of a table by group; all events lie in one window."""
    return {key[4]: list(row) for key, row in totals.tables.items() if key[2] == table}


@settings(max_examples=30)
@given(
    pairs=st.lists(st.tuples(st.floats(0.0, 1.0, width=16), st.booleans()), min_size=2, max_size=40),
    asked=st.lists(st.floats(0.0, 1.0), min_size=1),
)
def test_a_map_gives_what_isotonic_regression_gives(
    pairs: list[tuple[float, bool]], asked: list[float]
) -> None:
    """Linear between its points and constant outside, as scikit-learn applies the same thresholds."""
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    fitted.fit([score for score, _ in pairs], [float(true) for _, true in pairs])
    known = IsotonicMap(scores=list(fitted.X_thresholds_), probabilities=list(fitted.y_thresholds_))
    np.testing.assert_allclose(Isotonic(known)(np.array(asked)), fitted.predict(asked), atol=1e-12)


def test_estimates_are_what_the_labels_will_say_of_calibrated_scores() -> None:
    """Where scores are right, expected counts and losses lie within four standard errors of the realised ones."""
    draw = np.random.default_rng(7)
    truth_chance = draw.random(20_000)
    score = np.round(truth_chance**2, 6)  # overconfident in the negative; the map knows
    truth = draw.random(len(score)) < truth_chance
    points = np.linspace(0.0, 1.0, 2001)
    known = IsotonicMap(scores=(points**2).tolist(), probabilities=points.tolist())
    spec = ModelSpec(
        model="m", task="binary", window_seconds=1e5, score=UNIT, estimator=Estimator(maps={"true": known})
    )
    totals = told(spec, [{"score": one} for one in score.tolist()], truth.tolist())
    estimated = dict(zip(ESTIMATES["binary"], rows(totals, "estimates")[""], strict=True))
    realised = dict(zip(PERFORMANCE["binary"], rows(totals, "performance")[""], strict=True))
    assert estimated["predictions"] == realised["estimated"] == len(score)
    for cell in ("true_positive", "false_positive", "true_negative", "false_negative"):
        assert abs(estimated[cell] - realised[cell]) < 4.0 * np.sqrt(estimated["variance"]), cell
    for loss in ("log_loss", "squared_error"):
        assert estimated[loss] == pytest.approx(realised[loss], rel=0.05)
    assert abs(realised["gap"]) < 4.0 * np.sqrt(realised["gap_squared"])
    # Expected positives by score bin are those of numpy's histogram of the mapped scores.
    positive = np.array(rows(totals, "estimated_scores")["positive"])
    bins = np.bincount(score_bin(score), np.interp(score, points**2, points), SCORE_BINS)
    np.testing.assert_allclose(positive, bins, rtol=1e-9, atol=1e-9)


def test_calibration_counts_pairs_by_bins_of_equal_mass() -> None:
    """Pairs, scores and positives of each bin are those of a histogram over the spec's deciles, in sensitive groups too."""
    draw = np.random.default_rng(3)
    score, truth = np.round(draw.random(3000), 3), draw.random(3000) < 0.3
    sex, scored = draw.choice(["f", "m"], 3000), draw.random(3000) < 0.7
    spec = ModelSpec(model="m", task="binary", window_seconds=1e5, score=UNIT, sensitive=["sex"])
    events = [
        {"score": one if has else None, "prediction": True, "segments": {"sex": group}}
        for one, has, group in zip(score.tolist(), scored, sex.tolist(), strict=True)
    ]
    table = rows(told(spec, events, truth.tolist()), "calibration")
    assert set(table) == {"", "sex=f", "sex=m"}
    bins = np.searchsorted(calibration_edges(spec), score)
    for group, some in (("", scored), ("sex=f", scored & (sex == "f")), ("sex=m", scored & (sex == "m"))):
        found = np.array(table[group]).reshape(CALIBRATION_BINS, 3)
        for column, weights in enumerate((np.ones(3000), score, truth.astype(float))):
            wanted = np.bincount(bins[some], weights[some], CALIBRATION_BINS)
            np.testing.assert_allclose(found[:, column], wanted, rtol=1e-9)


def test_classes_within_a_sensitive_group_are_bounded() -> None:
    """The first ten classes of a group have a name, the others are counted together."""
    classes = [f"c{at:02}" for at in range(12)]
    spec = ModelSpec(model="m", task="multiclass", classes=classes, sensitive=["sex"], window_seconds=1e5)
    totals = told(spec, [{"prediction": name, "segments": {"sex": "f"}} for name in classes], classes)
    said = rows(totals, "group_classes")
    assert said == {f"sex=f\x1f{name}": [1.0] for name in classes[:10]} | {f"sex=f\x1f{OTHER}": [2.0]}
    pairs = rows(totals, "group_confusion")
    assert pairs[f"sex=f\x1f{OTHER}\x1f{OTHER}"] == [2.0]
    assert len(pairs) == 11


def test_pairs_of_segments_are_groups_and_bounded() -> None:
    """Values of two segments together are one group each, the first so many by name; a name in two lists counts once."""
    spec = ModelSpec(
        model="m",
        task="regression",
        segments=["a"],
        sensitive=["a"],
        segment_pairs=[("a", "b")],
        max_segment_values=2,
        window_seconds=1e5,
    )
    values = [("x", "1"), ("x", "2"), ("y", "1"), ("y", "2"), ("z", None), (None, None)]
    events = [{"prediction": 1.0, "segments": {"a": a, "b": b}} for a, b in values]
    totals = told(spec, [*events, *events], [])
    assert {group: row[0] for group, row in rows(totals, "traffic").items() if " & " in group} == {
        "a & b=x & 1": 2.0,
        "a & b=x & 2": 2.0,
        f"a & b={OTHER}": 6.0,
        "a & b= & ": 2.0,
    }
    assert rows(totals, "traffic")["a=x"] == [4.0, 0.0]
    assert rows(totals, "answers")["a=x"] == [4.0, 4.0, 4.0]


def test_many_pairs_of_values_are_met_in_one_batch_and_later() -> None:
    """The code of a pair is that of both its values, however many come before and after it."""
    spec = ModelSpec(
        model="m", task="regression", segment_pairs=[("a", "b")], max_segment_values=900, window_seconds=1e5
    )
    fold = new(spec)
    for first in (0, 10, 20):
        values = [(a, b) for a in range(first, first + 15) for b in range(20)]
        send(
            fold,
            "predictions",
            [{"prediction": 1.0, "segments": {"a": a, "b": b}, "prediction_id": None} for a, b in values],
        )
    traffic = rows(Totals(list(fold.drain().messages)), "traffic")
    pairs = {group: row[0] for group, row in traffic.items() if " & " in group}
    twice = {*range(10, 15), *range(20, 25)}
    assert pairs == {f"a & b={a} & {b}": 2.0 if a in twice else 1.0 for a in range(35) for b in range(20)}


def test_intervals_are_held_against_the_truth() -> None:
    """The truth at an end is covered; an interval that is none is counted as such and changes nothing else."""
    spec = ModelSpec(model="m", task="regression", window_seconds=1e5)
    intervals = [[0.0, 1.0], [0.0, 0.5], [2.0, 1.0], None, [-1e200, 1.0], [1.0, 1.0]]
    events = [{"prediction": 1.0} | ({"interval": i} if i else {}) for i in intervals]
    totals = told(spec, events, [1.0] * len(events))
    row = dict(zip(PERFORMANCE["regression"], rows(totals, "performance")[""], strict=True))
    assert [row[name] for name in ("scored", "with_interval", "covered", "interval_width")] == [
        6.0,
        3.0,
        2.0,
        1.5,
    ]
    assert rows(totals, "quality") == {"unfit_interval": [2.0]}


def test_an_interval_that_is_no_pair_of_numbers_is_set_aside() -> None:
    """It is a field that cannot be read, as any other: a dead letter with its reason."""
    spec = ModelSpec(model="m", task="regression")
    totals = told(spec, [{"prediction": 1.0, "interval": i} for i in ([1.0], "1-2", [None, 2.0])], [])
    assert totals.dead == {"wrong_type": 2, "out_of_bounds": 1}


@pytest.mark.parametrize(("interval", "width"), [(None, 0), ([0.0, 1.0], 2)])
def test_an_interval_waits_only_where_events_carry_one(interval: Any, width: int) -> None:
    """A regression without intervals and without a loss model keeps no byte for them."""
    fold = new(ModelSpec(model="m", task="regression"))
    send(fold, "predictions", [{"prediction": 1.0} | ({"interval": interval} if interval else {})] * 2)
    (version,) = fold._registry.models["m"].versions.values()
    (era,) = version.eras.values()
    columns = era.waiting.runs[0].columns
    assert columns["interval"].shape[1] == width
    assert "expected" not in columns


BOOLEAN = CategoricalReference(n=9, missing=0.0, shares={"true": 0.9, "false": 0.1})
COLOURS = CategoricalReference(n=9, missing=0.0, shares={"red": 0.5, "blue": 0.5})


def test_an_expected_error_is_a_sum_of_weights_by_bin() -> None:
    """Numbers by their bins, booleans and categories by their names, a last weight for what is no value; never below 0."""
    few = NumericReference(
        n=9, missing=0.0, mean=1.0, std=1.0, minimum=0.0, maximum=2.0, edges=[1.0], shares=[0.5, 0.5]
    )
    spec = ModelSpec(
        model="m",
        task="regression",
        features=[
            Feature(name="x", kind="numeric", reference=few),
            Feature(name="on", kind="boolean", reference=BOOLEAN),
            Feature(name="colour", kind="categorical", reference=COLOURS),
            Feature(name="free", kind="numeric"),
        ],
        prediction=few,
        window_seconds=1e5,
        estimator=Estimator(
            loss=LossModel(
                intercept=1.0,
                weights={
                    "x": [10.0, 20.0, 30.0],
                    "on": [100.0, 200.0, 300.0, 400.0],
                    "colour": [1e3, 2e3, 3e3, 4e3],
                    "__prediction__": [-1e4, 0.0, 0.0],
                },
            )
        ),
    )
    cases: list[tuple[dict[str, Any], float, float]] = [
        ({"x": 1.0, "on": True, "colour": "red"}, 2.0, 1.0 + 10.0 + 100.0 + 1e3),
        ({"x": 1.5, "on": False, "colour": "blue"}, 2.0, 1.0 + 20.0 + 200.0 + 2e3),
        ({"x": None, "on": "?", "colour": "green"}, 2.0, 1.0 + 30.0 + 400.0 + 3e3),
        ({"x": "wide"}, 2.0, 1.0 + 30.0 + 400.0 + 4e3),
        ({"x": 1.0, "on": True, "colour": "red"}, 1.0, 0.0),
    ]
    events = [{"features": features, "prediction": said} for features, said, _ in cases]
    totals = told(spec, events, [0.0] * len(events))
    assert [expected for *_, expected in totals.errors] == [expected for *_, expected in cases]
    assert rows(totals, "estimates")[""] == [5.0, sum(expected for *_, expected in cases)]
    performance = dict(zip(PERFORMANCE["regression"], rows(totals, "performance")[""], strict=True))
    gaps = np.array([said - expected for _, said, expected in cases])
    assert performance["gap"] == pytest.approx(gaps.sum())
    assert performance["gap_squared"] == pytest.approx((gaps**2).sum())


def test_weights_that_do_not_fit_the_bins_add_nothing() -> None:
    """A loss model made by hand with too few weights, or for a column nobody knows, is read without them."""
    spec = ModelSpec(model="m", task="regression", prediction=UNIT)
    model = LossModel(intercept=2.0, weights={"__prediction__": [1.0], "unheard": [1.0, 2.0]})
    expected = ExpectedErrors(spec, model)(np.empty((2, 0)), np.arange(2), np.array([0.5, np.nan]))
    assert expected.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_an_estimator_with_nothing_in_it_foretells_nothing(task: Any) -> None:
    """Neither estimates nor expected errors are told, and everything else is."""
    spec = ModelSpec(
        model="m", task=task, estimator=Estimator(maps={"true": IsotonicMap(scores=[], probabilities=[])})
    )
    event = {"prediction": {"binary": True, "multiclass": "a", "regression": 1.0}[task], "score": 0.5}
    totals = told(spec, [event], [event["prediction"]])
    assert not rows(totals, "estimates")
    assert [expected for *_, expected in totals.errors] == [None]


def test_a_large_drain_keeps_what_was_foretold_beside_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into several deltas, each pair still has its own expected error."""
    monkeypatch.setattr(emit, "MAX_BYTES", 2_000)
    known = IsotonicMap(scores=[0.0, 1.0], probabilities=[0.0, 1.0])
    spec = ModelSpec(model="m", task="binary", window_seconds=1e5, estimator=Estimator(maps={"true": known}))
    fold = new(spec)
    scores = [round(at / 500, 3) for at in range(500)]
    send(fold, "predictions", [{"score": score} for score in scores])
    send(fold, "labels", [{"label": False} for _ in scores])
    messages = list(fold.drain().messages)
    cut = [d.versions["0"].scored for d in (decode_delta(m.value) for m in messages) if d.versions]
    assert sum(scored is not None for scored in cut) > 3
    wanted = sorted((float(score >= 0.5), 1.0 - score if score >= 0.5 else score) for score in scores)
    found = sorted((error, expected) for *_, error, expected in Totals(messages).errors)
    np.testing.assert_allclose(found, wanted)
