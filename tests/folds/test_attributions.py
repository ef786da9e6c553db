"""Attributions, from events through both folds to the document and the incident."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from monitor_stream.events.spec import DAY, HOUR, Feature, ModelSpec, Specs
from monitor_stream.judge.attribution_drift import LEARNED
from monitor_stream.replay.run import replay
from monitor_stream.replay.table import Timed

BEGIN = 1_362_096_000
PER_DAY = 120
NAMES = ("distance", "hour", "temp", "wind")
USUAL = (0.6, 0.25, 0.1, 0.05)


def test_a_version_that_leans_on_other_features_is_told() -> None:
    """The shares of the last day in the document, and a ticket whose sentence names what changed."""
    random = np.random.default_rng(1)
    times, values = [], []
    for at in range((LEARNED + 2) * PER_DAY):
        scale = USUAL if at < (LEARNED + 1) * PER_DAY else USUAL[::-1]
        attributions = {name: float(random.normal(0.0, s)) for name, s in zip(NAMES, scale, strict=True)}
        times.append(BEGIN + at * DAY / PER_DAY)
        event = {
            "model": "m",
            "version": "0",
            "prediction_id": str(at),
            "timestamp": times[-1],
            "prediction": 1.0,
            "features": dict.fromkeys(NAMES, 1.0),
            "attributions": attributions,
        }
        values.append(json.dumps(event).encode())
    features = [
        Feature(name=name, kind="numeric", importance=weight)
        for name, weight in zip(NAMES, USUAL, strict=True)
    ]
    spec = ModelSpec(
        model="m", version="0", task="regression", features=features, horizon_seconds=HOUR, min_samples=100
    )
    found = replay([("predictions", Timed(np.array(times), pa.array(values, pa.binary())))], Specs([spec]))
    newest = found.models["m"].versions["0"].attribution
    assert newest is not None
    assert newest.drifted
    assert newest.n == PER_DAY
    assert newest.rank_correlation == -1.0
    assert max(newest.shares, key=newest.shares.__getitem__) == "wind"
    incidents = [each for each in found.incidents if each.signals == ["attribution_drift"]]
    told = incidents or found.models["m"].incidents
    assert {finding.signal for incident in told for finding in incident.evidence} >= {"attribution_drift"}
    assert all(incident.severity == "warning" for incident in told)
