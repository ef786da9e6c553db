"""Vectors, from events through both folds: judged by their components, shown by their norm."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from monitor_stream.events.spec import DAY, HOUR, Feature, ModelSpec, Specs
from monitor_stream.judge.drift.reference import numeric_reference
from monitor_stream.judge.drift.vectors import CENTROID
from monitor_stream.judge.reference_rows import SPANS
from monitor_stream.replay.run import Replay, replay
from monitor_stream.replay.table import Timed

BEGIN = 1_362_096_000
PER_DAY = 600
DAYS = SPANS + 3
SIZE = 6
NAMED = [Feature(name="text", kind="vector", dimension=SIZE), Feature(name="text[9]", kind="numeric")]


def spec(features: list[Feature]) -> ModelSpec:
    scores = np.random.default_rng(0).beta(2.0, 5.0, 10_000)
    return ModelSpec(
        model="m",
        version="0",
        task="binary",
        features=features,
        score=numeric_reference(scores, 10_000),
        horizon_seconds=HOUR,
        min_samples=300,
    )


@cache
def run(*, described: bool = True, moved: bool = False) -> Replay:
    """Days of vectors, which on the last day may turn without growing."""
    random = np.random.default_rng(1)
    times, values = [], []
    for at in range(DAYS * PER_DAY):
        vector = random.normal(0.0, 1.0, SIZE)
        if moved and at >= (DAYS - 1) * PER_DAY:
            vector[2] = abs(vector[2])
        times.append(BEGIN + at * DAY / PER_DAY)
        event = {
            "model": "m",
            "version": "0",
            "prediction_id": str(at),
            "timestamp": times[-1],
            "score": float(random.beta(2.0, 5.0)),
            "features": {"text": vector.tolist()} | ({"text[9]": 1.0} if described else {}),
        }
        values.append(json.dumps(event).encode())
    feed = [("predictions", Timed(np.array(times), pa.array(values, pa.binary())))]
    return replay(feed, Specs([spec(NAMED if described else [])]))  # type: ignore[arg-type]


def test_a_vector_that_turned_is_found_by_its_centroid() -> None:
    """One of its components moved and its length did not; judged from the spans after the first ones, which are its reference."""
    found = run(moved=True)
    judged = [[method for method in span.multivariate if method.column == "text"] for span in found.drift]
    assert [len(methods) for methods in judged] == [1] * DAYS
    assert [method.value is not None for [method] in judged] == [False] * SPANS + [True] * 3
    assert [method.drifted for [method] in judged] == [False] * (DAYS - 1) + [True]
    [last] = judged[-1]
    assert [name for name, _, _ in last.top] == ["text[2]"]
    assert last.others == {"drifted_components": pytest.approx(1 / SIZE)}


def test_a_vector_that_turned_is_named_by_an_incident() -> None:
    """As drift of many columns at once, under the name of the vector, and in words that fit vectors."""
    [incident] = run(moved=True).incidents
    [finding] = [f for f in incident.evidence if f.check == CENTROID]
    assert (finding.signal, finding.column) == ("multivariate_drift", "text")
    assert finding.detail.startswith("text moved: its centroid by 0.3")
    assert finding.detail.endswith("17 % of its components moved.")


def test_vectors_that_did_not_move_are_quiet() -> None:
    """And nothing else is told of them."""
    found = run()
    assert not any(method.drifted for span in found.drift for method in span.multivariate)
    assert found.incidents == []


@pytest.mark.parametrize("described", [True, False])
def test_a_vector_is_shown_by_its_norm(described: bool) -> None:
    """Its components are no features of windows and days, nor do counters on /metrics have them; what the spec names is one."""
    found = run(described=described)
    [version] = found.models["m"].versions.values()
    shown = {feature.name for window in (*found.windows, *version.days) for feature in window.features}
    assert {name for name in shown if name.startswith("text")} == (
        {"text", "text[9]"} if described else {"text"}
    )
    assert set(version.totals.features) == shown
