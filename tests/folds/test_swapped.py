"""Exchanged features, from events through both folds to the incident."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest

from monitor_stream.events.spec import DAY, HOUR, Feature, ModelSpec, Reference, Specs
from monitor_stream.judge.drift.reference import categorical_reference, numeric_reference
from monitor_stream.replay.run import Replay, replay
from monitor_stream.replay.table import Timed

BEGIN = 1_362_096_000
PER_DAY = 600
DAYS = 3
Row = dict[str, float | str]


def row(random: np.random.Generator) -> Row:
    """One event's features: numbers of magnitudes that share no bin, two that look alike, and names."""
    warm = float(random.normal(15.0, 8.0))
    return {
        "distance": float(random.lognormal(7.0, 0.6)),
        "share": float(random.beta(2.0, 5.0)),
        "temp": warm,
        "felt": warm + float(random.normal(0.0, 1.0)),
        "origin": str(random.choice(["JFK", "LGA", "EWR"], p=[0.4, 0.3, 0.3])),
        "carrier": str(random.choice(["UA", "AA", "DL", "B6"], p=[0.4, 0.3, 0.2, 0.1])),
    }


def spec() -> ModelSpec:
    random = np.random.default_rng(0)
    rows = [row(random) for _ in range(10_000)]
    features = []
    for name, first in rows[0].items():
        column = [values[name] for values in rows]
        reference: Reference
        if isinstance(first, str):
            reference = categorical_reference(Counter(map(str, column)), len(column))
        else:
            reference = numeric_reference(np.array(column, float), len(column))
        kind = "categorical" if isinstance(first, str) else "numeric"
        features.append(Feature(name=name, kind=kind, reference=reference))  # type: ignore[arg-type]
    return ModelSpec(
        model="m",
        version="0",
        task="regression",
        features=features,
        horizon_seconds=HOUR,
        min_samples=300,
    )


def run(exchange: Mapping[str, str]) -> Replay:
    """Days of events, of which the last one has features that hold another's values."""
    random = np.random.default_rng(1)
    times, values = [], []
    for at in range(DAYS * PER_DAY):
        features = row(random)
        if at >= (DAYS - 1) * PER_DAY:
            features = {name: features[exchange.get(name, name)] for name in features}
        times.append(BEGIN + at * DAY / PER_DAY)
        event = {
            "model": "m",
            "version": "0",
            "prediction_id": str(at),
            "timestamp": times[-1],
            "prediction": 1.0,
            "features": features,
        }
        values.append(json.dumps(event).encode())
    return replay([("predictions", Timed(np.array(times), pa.array(values, pa.binary())))], Specs([spec()]))


@pytest.mark.parametrize(("one", "other"), [("distance", "share"), ("origin", "carrier")])
def test_two_exchanged_features_are_named_in_their_first_span(one: str, other: str) -> None:
    """Numbers whose bins have nothing in common, and names; no other pair, and none on the days before."""
    found = run({one: other, other: one})
    assert [span.swapped for span in found.drift] == [[], [], [(one, other)]]


@pytest.mark.parametrize(("one", "other"), [("distance", "share"), ("origin", "carrier")])
def test_an_incident_says_which_were_exchanged(one: str, other: str) -> None:
    """It is opened by the first span, and the sentence that says so is in its evidence and in its summary."""
    incidents = run({one: other, other: one}).incidents
    told = f"{one} and {other} seem to have exchanged their values"
    [incident] = [each for each in incidents if any(f.check == "swapped" for f in each.evidence)]
    assert [f.detail for f in incident.evidence if f.check == "swapped"] == [f"{told}."]
    assert told in incident.summary


def test_two_that_look_alike_are_not_named() -> None:
    """Temperature and felt temperature exchanged: nobody could tell, so nothing is said."""
    found = run({"temp": "felt", "felt": "temp"})
    assert [span.swapped for span in found.drift] == [[]] * DAYS


def test_a_feature_with_the_values_of_another_is_no_exchange() -> None:
    """One that holds another's values, while that one keeps them, has not been exchanged with it."""
    found = run({"share": "distance", "origin": "carrier"})
    assert [span.swapped for span in found.drift] == [[]] * DAYS
