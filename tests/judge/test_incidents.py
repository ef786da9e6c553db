"""Detections become incidents: one for one change."""

from __future__ import annotations

import numpy as np
import pytest

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.results import Detection, Detector, Direction, Incident, ModelResults
from monitor_stream.events.spec import Baseline, ModelSpec
from monitor_stream.judge.error_watch import finding
from monitor_stream.judge.incidents import MAX_EVIDENCE, MAX_RESOLVED, Incidents, IncidentsState
from tests.judge.deltas import Source, batch, judge, part

T = 1_362_096_000
SPEC = ModelSpec(
    model="m", version="1", task="regression", min_samples=100, baseline={"mae": Baseline(10.0, 1.0, 10)}
)


def detection(
    direction: Direction = "worse",
    *,
    at: int = 0,
    after: float = 20.0,
    seen: int = 500,
    detector: Detector = "adwin",
) -> Detection:
    return Detection(
        model="m",
        version="1",
        detector=detector,
        direction=direction,
        event_time=moment(T + at),
        seen=seen,
        before=10.0,
        after=after,
    )


def see(incidents: Incidents, seen: Detection, spec: ModelSpec) -> Incident | None:
    told = incidents.take("1", spec, [finding(seen, spec)])
    return told[0] if told else None


@pytest.fixture
def incidents() -> Incidents:
    return Incidents("m", IncidentsState())


def test_a_change_for_the_worse_opens_one_incident(incidents: Incidents) -> None:
    """What detectors see later of it is evidence, not told again."""
    opened = see(incidents, detection(), SPEC)
    assert opened is not None
    assert (opened.state, opened.severity, opened.opened) == ("open", "critical", moment(T))
    assert see(incidents, detection(at=60, detector="page_hinkley"), SPEC) is None
    [known] = incidents.document()
    assert (known.id, len(known.evidence), known.updated) == (opened.id, 2, moment(T + 60))


def test_a_change_for_the_better_resolves_it(incidents: Incidents) -> None:
    """Without an open incident it is only a detection."""
    assert see(incidents, detection("better"), SPEC) is None
    opened = see(incidents, detection(at=10), SPEC)
    resolved = see(incidents, detection("better", at=20, after=5.0), SPEC)
    assert opened is not None
    assert resolved is not None
    assert (resolved.id, resolved.state, resolved.updated) == (opened.id, "resolved", moment(T + 20))
    assert not incidents.is_open("1")
    assert incidents.document() == [resolved]


@pytest.mark.parametrize(
    ("seen", "after", "spec"),
    [
        (99, 20.0, SPEC),
        (500, 12.9, SPEC),
        (500, 20.0, ModelSpec(model="m", task="regression")),
        (500, 0.3, ModelSpec(model="m", task="binary", baseline={"accuracy": Baseline(0.8, 0.05, 10)})),
    ],
)
def test_without_proof_it_is_a_warning(
    incidents: Incidents, seen: int, after: float, spec: ModelSpec
) -> None:
    """Critical needs enough samples and an error beyond the limit of a known baseline."""
    opened = see(incidents, detection(seen=seen, after=after), spec)
    assert opened is not None
    assert opened.severity == "warning"


def test_an_error_rate_beyond_the_accuracy_limit_is_critical(incidents: Incidents) -> None:
    """The baseline of a classifier speaks of accuracy, its error signal of the opposite."""
    spec = ModelSpec(model="m", task="binary", baseline={"accuracy": Baseline(0.8, 0.05, 10)})
    opened = see(incidents, detection(after=0.4, seen=500), spec)
    assert opened is not None
    assert opened.severity == "critical"


def test_a_warning_that_grows_is_told_once_more(incidents: Incidents) -> None:
    """It becomes critical under the same id, and only once."""
    opened = see(incidents, detection(after=12.0), SPEC)
    raised = see(incidents, detection(at=60, after=20.0), SPEC)
    assert opened is not None
    assert raised is not None
    assert (raised.id, opened.severity, raised.severity) == (opened.id, "warning", "critical")
    assert see(incidents, detection(at=90, after=30.0), SPEC) is None


def test_ids_follow_from_what_happened() -> None:
    """Two runs name the same incident alike, and another one otherwise."""
    first, second = Incidents("m", IncidentsState()), Incidents("m", IncidentsState())
    one, two = see(first, detection(), SPEC), see(second, detection(detector="page_hinkley"), SPEC)
    other = see(Incidents("m", IncidentsState()), detection(at=1), SPEC)
    assert one is not None
    assert two is not None
    assert other is not None
    assert one.id == two.id != other.id


def test_the_summary_can_be_acted_on(incidents: Incidents) -> None:
    """It says what, by how much, after how many, against which limit, and what to do."""
    opened = see(incidents, detection(seen=12_345), SPEC)
    assert opened is not None
    assert opened.summary == (
        "m version 1: mean absolute error rose from 10 to 20 (+100%) after 12,345 scored predictions (adwin), "
        "the baseline's limit is 13; compare inputs and labels since then with the reference, and roll back or "
        "retrain if they are sound."
    )


def test_what_is_kept_is_bounded(incidents: Incidents) -> None:
    """The newest resolved incidents; the first and the newest evidence of an open one."""
    for at in range(MAX_RESOLVED + 5):
        see(incidents, detection(at=2 * at), SPEC)
        see(incidents, detection("better", at=2 * at + 1), SPEC)
    for at in range(MAX_EVIDENCE + 5):
        see(incidents, detection(at=1000 + at), SPEC)
    opened, *resolved = incidents.document()
    assert len(resolved) == MAX_RESOLVED
    assert resolved[0].opened == moment(T + 2 * (MAX_RESOLVED + 4))
    assert len(opened.evidence) == MAX_EVIDENCE
    assert [e.end for e in (opened.evidence[0], opened.evidence[-1])] == [
        moment(T + 1000),
        moment(T + 1000 + MAX_EVIDENCE + 4),
    ]


def test_from_errors_to_an_incident_and_back() -> None:
    """Errors that rise and fall again: one incident, opened and resolved, each published once."""
    random = np.random.default_rng(1)
    level = np.concatenate([np.full(2000, 0.1), np.full(2000, 0.6), np.full(2000, 0.1)])
    wrong = (random.random(len(level)) < level).astype(float)
    spec = ModelSpec(model="m", version="1", task="binary", baseline={"accuracy": Baseline(0.9, 0.01, 10)})
    fold, source = judge(spec), Source()
    for start in range(0, len(wrong), 500):
        errors = [(float(T + at), wrong[at]) for at in range(start, start + 500)]
        fold.apply(batch(source.delta({"1": part(spec, errors=errors)}, T + start + 400.0)))
    fold.finish()
    outputs = fold.drain()
    told = [
        decode_json(Incident, message.value) for message in outputs.messages if message.topic == "incidents"
    ]
    assert [(incident.state, incident.severity) for incident in told] == [
        ("open", "critical"),
        ("resolved", "critical"),
    ]
    assert moment(T + 2000) < told[0].opened < moment(T + 2200)
    results = decode_json(ModelResults, outputs.results["model:m"] or b"")
    version = results.versions["1"]
    assert (version.drift_detected, version.errors_seen, results.incidents) == (False, 6000, told[1:])
    assert sum(version.totals.detections.values()) == len(version.detections)
