"""Drift from events to spans: with references that were described, and with such as the stream gave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import numpy as np
import pyarrow as pa

from monitor_stream.events.codec import moment
from monitor_stream.events.fold import Topic
from monitor_stream.events.spec import DAY, HOUR, ModelSpec, Specs
from monitor_stream.judge.drift.reference import categorical_reference, numeric_reference
from monitor_stream.replay.run import Replay, replay
from monitor_stream.replay.table import Timed

BEGIN = 1_362_096_000
PER_DAY = 800


def events(day: int, *, moved: bool) -> Iterator[tuple[float, bytes]]:
    random = np.random.default_rng(day)
    for at in range(PER_DAY):
        event = {
            "model": "m",
            "prediction_id": f"{day}-{at}",
            "timestamp": BEGIN + day * DAY + at * DAY / PER_DAY,
            "score": float(random.beta(2.0, 5.0)),
            "features": {
                "x": float(random.normal(1.0 if moved else 0.0)),
                "plan": str(random.choice(["free", "pro", "team"], p=[0.6, 0.3, 0.1])),
                "paid": bool(random.random() < 0.3),
            },
        }
        yield float(event["timestamp"]), json.dumps(event).encode()  # type: ignore[arg-type]


def feed(days: int, moved_from: int) -> Iterator[tuple[Topic, Timed]]:
    for day in range(days):
        times, values = zip(*events(day, moved=day >= moved_from), strict=True)
        yield "predictions", Timed(np.array(times), pa.array(values, pa.binary()))


def judged(specs: Specs, days: int, moved_from: int) -> Replay:
    # A day at a time, so that what is learned is there before the stream is over.
    return replay(feed(days, moved_from), specs)


def moved(found: Replay) -> dict[int, list[str]]:
    """Day → columns that drifted, of the days that were judged."""
    return {
        (span.start - moment(BEGIN)) // timedelta(days=1): [c.column for c in span.columns if c.drifted]
        for span in found.drift
        if not span.not_computable
    }


def test_a_model_nobody_described_is_followed_by_its_own_first_week() -> None:
    """References of what was sampled, judged from then on, and a feature that moves is named on its first day."""
    specs = Specs()
    found = judged(specs, 45, 40)
    days = moved(found)
    first = min(days)
    assert 7 <= first <= 33
    assert days == {day: (["x"] if day >= 40 else []) for day in range(first, 45)}
    assert len(specs) == 0, "the caller's specs are his own"


def test_a_described_model_is_judged_from_its_first_day() -> None:
    """By the references of its spec; with an incident where it moved, and none before."""
    random = np.random.default_rng(1)
    plan = {"free": 6000, "pro": 3000, "team": 1000}
    spec = msgspec.convert(
        {
            "model": "m",
            "version": "0",
            "task": "binary",
            "horizon_seconds": HOUR,
            "features": [
                {"name": "x", "kind": "numeric"},
                {"name": "plan", "kind": "categorical"},
                {"name": "paid", "kind": "boolean"},
            ],
        },
        ModelSpec,
    )
    x, kind, paid = spec.features
    spec = msgspec.structs.replace(
        spec,
        features=[
            msgspec.structs.replace(x, reference=numeric_reference(random.normal(size=10_000), 10_000)),
            msgspec.structs.replace(kind, reference=categorical_reference(plan, 10_000)),
            msgspec.structs.replace(
                paid, reference=categorical_reference({"false": 7000, "true": 3000}, 10_000)
            ),
        ],
        score=numeric_reference(random.beta(2.0, 5.0, 10_000), 10_000),
    )
    found = judged(Specs([spec]), 12, 9)
    assert moved(found) == {day: (["x"] if day >= 9 else []) for day in range(12)}
    assert [span.n for span in found.drift] == [PER_DAY] * 12
    assert all(span.settled for span in found.drift)
    [incident] = [each for each in found.incidents if "feature_drift" in each.signals]
    assert moment(BEGIN + 9 * DAY) <= incident.opened <= moment(BEGIN + 11 * DAY)
    assert {each.column for each in incident.evidence if each.signal == "feature_drift"} == {"x"}
    # The rows that later ones are held against are those of the first seven days.
    rows = [
        [method.drifted for method in span.multivariate if method.value is not None] for span in found.drift
    ]
    assert [len(drifted) for drifted in rows] == [0] * 7 + [3] * 5
    assert [any(drifted) for drifted in rows] == [False] * 9 + [True] * 3
