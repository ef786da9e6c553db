"""From errors to incidents on Kafka and in the document."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.codec import decode_json, encode_json, moment
from monitor_stream.events.results import Incident, ModelResults
from monitor_stream.events.spec import DAY, Baseline, ModelSpec
from tests.judge.deltas import Source, batch, judge, part

T = 1_362_096_000
SPEC = ModelSpec(model="m", version="1", task="binary", baseline={"accuracy": Baseline(0.9, 0.01, 10)})


def told(messages: object) -> list[tuple[str, Incident]]:
    """What was said of incidents: the type of the event, and the incident."""
    return [
        (dict(message.headers)["ce_type"].decode().rpartition(".")[2], decode_json(Incident, message.value))
        for message in messages  # type: ignore[attr-defined]
        if message.topic == "incidents"
    ]


def errors(level: float, count: int, seed: int = 1) -> list[float]:
    return [float(wrong) for wrong in np.random.default_rng(seed).random(count) < level]


def test_from_errors_to_an_incident_and_back() -> None:
    """Errors that rise and fall again: one incident, opened and resolved, each told once, under the incident's id."""
    wrong = [*errors(0.1, 2000), *errors(0.6, 2000), *errors(0.1, 2000)]
    fold, source = judge(SPEC), Source()
    for start in range(0, len(wrong), 500):
        some = [(float(T + at), wrong[at]) for at in range(start, start + 500)]
        fold.apply(batch(source.delta({"1": part(SPEC, errors=some)}, T + start + 400.0)))
    fold.finish()
    outputs = fold.drain()
    happened = told(outputs.messages)
    assert [(happening, each.state, each.severity) for happening, each in happened] == [
        ("opened", "open", "critical"),
        ("resolved", "resolved", "critical"),
    ]
    opened, resolved = (each for _, each in happened)
    assert opened.id == resolved.id
    assert {message.key for message in outputs.messages if message.topic == "incidents"} == {
        opened.id.encode()
    }
    assert moment(T + 2000) < opened.opened < moment(T + 2200)
    results = decode_json(ModelResults, outputs.results["model:m"] or b"")
    version = results.versions["1"]
    assert (version.drift_detected, version.errors_seen, results.incidents) == (False, 6000, [resolved])
    assert version.incidents_opened == {"critical": 1}
    assert sum(version.totals.detections.values()) == len(version.detections)


def test_what_happened_is_a_cloud_event() -> None:
    """The attributes stand in headers, the incident is the value; the id follows from what happened."""
    fold, source = judge(SPEC), Source()
    wrong = [*errors(0.1, 2000), *errors(0.6, 500)]
    fold.apply(
        batch(source.delta({"1": part(SPEC, errors=[(float(T + i), e) for i, e in enumerate(wrong)])}))
    )
    fold.finish()
    outputs = fold.drain()
    [message] = [message for message in outputs.messages if message.topic == "incidents"]
    incident = decode_json(Incident, message.value)
    assert message.value == encode_json(incident)
    attributes = {name: value.decode() for name, value in message.headers}
    at = incident.opened.timestamp()
    assert attributes == {
        "ce_specversion": "1.0",
        "ce_id": f"{incident.id}-opened-{at:.3f}",
        "ce_source": "/models/m/versions/1",
        "ce_type": "io.monitor-stream.incident.opened",
        "ce_subject": incident.id,
        "ce_time": incident.opened.isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }


def test_a_version_that_another_replaced_keeps_no_incident_open() -> None:
    """A horizon and the spec's patience after its last prediction its incidents are closed, by the successor's name."""
    fold, source = judge(SPEC, msgspec_replace(SPEC, "2")), Source()
    wrong = [*errors(0.1, 2000), *errors(0.6, 500)]
    pairs = [(float(T + i), e) for i, e in enumerate(wrong)]
    old = part(SPEC, {"traffic": [(T, "", [10.0, 0.0])]}, errors=pairs, newest_prediction=T + 2500.0)
    fold.apply(batch(source.delta({"1": old}, T + 3000.0)))
    assert [happening for happening, _ in told(fold.drain().messages)] == ["opened"]
    later = T + 2500.0 + SPEC.horizon_seconds + DAY + SPEC.staleness_seconds
    for at, expected in ((later - 10.0, []), (later + 10.0, ["resolved"]), (later + DAY, [])):
        new = part(msgspec_replace(SPEC, "2"), {"traffic": [(T, "", [10.0, 0.0])]}, newest_prediction=at)
        fold.apply(batch(source.delta({"2": new}, at)))
        assert [happening for happening, _ in told(fold.drain().messages)] == expected


def msgspec_replace(spec: ModelSpec, version: str) -> ModelSpec:
    return ModelSpec(model=spec.model, version=version, task=spec.task, baseline=spec.baseline)
