"""What each group got, against definitions written plainly over its pairs."""

import msgspec
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, precision_score, recall_score

from monitor_stream.events.results import GroupResult
from monitor_stream.events.spec import ModelSpec, NumericReference
from monitor_stream.judge.fairness.groups import MOST, groups_of
from tests.judge.fairness.people import People, binary, day, multiclass, regression

BINARY = ModelSpec(model="m", task="binary", sensitive=["sex"])
REGRESSION = ModelSpec(model="m", task="regression", sensitive=["sex"])
MULTICLASS = ModelSpec(model="m", task="multiclass", sensitive=["sex"])


def found(people: People, spec: ModelSpec) -> dict[str, GroupResult]:
    return {group.value: group.result for group in groups_of(day(0, people, spec).sums, "sex", spec)}


def test_rates_of_a_binary_task_are_their_batch_twins() -> None:
    """Selection, true and false positive rate, predictive value, accuracy, bias and error of calibration, group by group."""
    people = binary({"f": 0.3, "m": 0.5})
    for value, group in found(people, BINARY).items():
        rows = people.of(value)
        score, label = rows.answer.astype(float), rows.label.astype(float)
        guess = (score >= 0.5).astype(float)
        bins = np.ceil(score * 10.0).clip(1, 10)
        assert group.n == group.scored == len(label)
        assert group.values == pytest.approx(
            {
                "selection_rate": guess.mean(),
                "true_positive_rate": recall_score(label, guess),
                "false_positive_rate": 1.0 - recall_score(label, guess, pos_label=0.0),
                "positive_predictive_value": precision_score(label, guess),
                "accuracy": accuracy_score(label, guess),
                "calibration_bias": (score - label).mean(),
                "ece": sum(abs((score - label)[bins == index].sum()) / len(label) for index in range(1, 11)),
            },
            rel=1e-9,
        )
        assert group.intervals.keys() == group.values.keys() - {"ece"}
        for name, (low, high) in group.intervals.items():
            assert low < group.values[name] < high


def test_each_class_is_the_positive_one_in_its_turn() -> None:
    """In a multiclass task rates carry the class, and are those of one class against the rest."""
    people = multiclass({"f": 0.6, "m": 0.9})
    for value, group in found(people, MULTICLASS).items():
        rows = people.of(value)
        right = rows.answer == rows.label
        assert group.n == group.scored == len(right)
        for name in ("cat", "dog", "emu"):
            guess, label = rows.answer == name, rows.label == name
            assert group.values[f"selection_rate[{name}]"] == pytest.approx(guess.mean())
            assert group.values[f"true_positive_rate[{name}]"] == pytest.approx(recall_score(label, guess))
            assert group.values[f"false_positive_rate[{name}]"] == pytest.approx(guess[~label].mean())
            assert group.values[f"positive_predictive_value[{name}]"] == pytest.approx(
                precision_score(label, guess)
            )
        assert group.values["accuracy"] == pytest.approx(right.mean())
        assert group.values["calibration_bias"] == pytest.approx((rows.confidence - right).mean())


def test_means_of_a_regression_are_their_batch_twins() -> None:
    """Mean prediction, in the unit of the label whatever the reference's mean; bias and mean absolute error."""
    people = regression({"f": 2.0, "m": 0.0})
    around = NumericReference(
        n=9, missing=0.0, mean=5.0, std=1.0, minimum=0.0, maximum=9.0, edges=[], shares=[]
    )
    centred = people._replace(
        answer=people.answer.astype(float) - 5.0, label=people.label.astype(float) - 5.0
    )
    spec = msgspec.structs.replace(REGRESSION, prediction=around)
    for value, group in found(centred, spec).items():
        rows = people.of(value)
        answer, label = rows.answer.astype(float), rows.label.astype(float)
        assert group.values == pytest.approx(
            {
                "mean_prediction": answer.mean(),
                "bias": (answer - label).mean(),
                "mae": mean_absolute_error(label, answer),
            },
            rel=1e-9,
        )


def test_the_largest_groups_are_looked_at() -> None:
    """However many values an attribute has, so many are listed, the largest first."""
    rates = {f"{index:02}": 0.5 for index in range(40)}
    groups = groups_of(day(0, binary(rates), BINARY).sums, "sex", BINARY)
    assert len(groups) == MOST
    assert [group.n for group in groups] == sorted((group.n for group in groups), reverse=True)
