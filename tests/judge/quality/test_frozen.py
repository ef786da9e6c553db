"""Features that are frozen."""

from __future__ import annotations

import numpy as np
import pytest

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import DriftSpan, Finding, ModelResults
from monitor_stream.events.spec import (
    DAY,
    Calibration,
    CategoricalReference,
    DriftRules,
    Feature,
    Kind,
    ModelSpec,
    NumericReference,
)
from monitor_stream.events.tables import HISTOGRAM_BINS
from monitor_stream.judge.quality.frozen import frozen
from monitor_stream.judge.sums import Rows, Sums
from tests.judge.deltas import Row, Source, batch, judge, part

T = 1_362_096_000  # midnight
SPAN = DriftSpan(
    model="m",
    version="1",
    start=moment(T),
    end=moment(T + DAY),
    revision=1,
    settled=False,
    n=600,
    reference="",
)


def spec(
    shares: dict[str, float], *, other: float = 0.0, kind: Kind = "categorical", effect: float = 1.0
) -> ModelSpec:
    reference = CategoricalReference(n=10_000, missing=0.0, shares=shares, other=other)
    calibration = Calibration(method="js", sizes=[500], shapes=[1.0], scales=[1.0], design_effect=effect)
    return ModelSpec(
        model="m",
        version="1",
        task="binary",
        features=[Feature(name="plan", kind=kind, reference=reference)],
        drift=DriftRules(columns={"plan": [calibration]}),
    )


def counted(*counts: float) -> Floats:
    row = np.zeros(HISTOGRAM_BINS)
    row[: len(counts)] = counts
    return row


def checked(described: ModelSpec, *counts: float) -> list[Finding]:
    return list(frozen(SPAN, described, {"plan": counted(*counts)}, Sums(), 0.001))


@pytest.mark.parametrize(
    ("kind", "shares"),
    [("categorical", {"free": 0.7, "pro": 0.3}), ("boolean", {"false": 0.7, "true": 0.3})],
)
def test_one_value_all_day_is_frozen(kind: Kind, shares: dict[str, float]) -> None:
    """Where the reference has two; with the value and how usual it is."""
    [found] = checked(spec(shares, kind=kind), 600)
    assert (found.signal, found.check, found.column, found.firing) == ("quality", "frozen", "plan", True)
    first = next(iter(shares))
    assert found.detail == f"plan is {first!r} in all of 600 values, usually in 70%."


def test_a_single_other_value_thaws_it() -> None:
    """A finding that does not fire, so that an incident can close."""
    [found] = checked(spec({"free": 0.7, "pro": 0.3}), 599, 1)
    assert not found.firing


def test_what_chance_explains_is_not_frozen() -> None:
    """A few values, or a value that nearly all of the reference has."""
    assert not checked(spec({"free": 0.7, "pro": 0.3}), 15)[0].firing
    assert not checked(spec({"free": 0.995, "pro": 0.005}), 600)[0].firing


def test_a_value_that_lasts_a_day_in_the_reference_is_not_frozen() -> None:
    """A holiday is one value a day: where spans of the reference show it, a day of it is no news."""
    shares = {"no": 0.97, "yes": 0.03}
    assert checked(spec(shares), 600)[0].firing
    assert not checked(spec(shares, effect=500.0), 600)[0].firing


def test_values_without_a_name_are_no_value() -> None:
    """Those that the reference counts together, or has not seen, may be many."""
    assert not checked(spec({"free": 0.6, "pro": 0.3}, other=0.1), 0, 0, 600)[0].firing


def test_a_reference_with_one_value_is_not_looked_at() -> None:
    """A constant that stays is as it was."""
    assert checked(spec({"free": 1.0}), 600) == []


def test_a_frozen_category_is_in_the_incident_of_its_drift() -> None:
    """From the second day on: that the feature moved is told, and that it is frozen is why."""
    described, source = spec({"free": 0.7, "pro": 0.3}), Source()
    fold = judge(described)
    for day in range(5):
        start = T + day * 86_400
        rows: list[Row] = [(start, "plan", counted(*((420, 180) if day < 2 else (600,))).tolist())]
        fold.apply(batch(source.delta({"1": part(described, {"histograms": rows})}, start + DAY)))
    document = fold.drain().results["model:m"]
    assert document is not None
    [incident] = decode_json(ModelResults, document).incidents
    assert incident.signals == ["feature_drift", "quality"]
    assert "plan is 'free' in all of 600 values" in incident.summary


def number(values: Floats, *, std: float = 10.0) -> list[Finding]:
    """What is found of a numeric feature of mean 40 with so many values."""
    reference = NumericReference(
        n=10_000,
        missing=0,
        mean=40.0,
        std=std,
        minimum=0,
        maximum=99,
        edges=[30.0, 40.0, 50.0],
        shares=[0.25] * 4,
    )
    described = ModelSpec(
        model="m",
        version="1",
        task="binary",
        features=[Feature(name="age", kind="numeric", reference=reference)],
    )
    centred = values - 40.0
    sums = Sums()
    row = [len(values) + 2.0, 1.0, 1.0, 0.0, 0.0, centred.sum(), (centred**2).sum()]
    sums.add("features", Rows(["age"], np.array([row])))
    return list(frozen(SPAN, described, {}, sums, 0.001))


def test_one_number_all_day_is_frozen() -> None:
    """By its moments, whatever is missing beside it; another value thaws it, and few are chance."""
    [found] = number(np.full(600, 37.3))
    assert found.firing
    assert found.detail == "age is 37.3 in all of 600 values, usually in 25%."
    assert not number(np.append(np.full(600, 37.3), 38.0))[0].firing
    assert not number(np.full(4, 37.3))[0].firing
    assert number(np.full(600, 37.3), std=0.0) == []
