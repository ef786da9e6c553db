"""Why something is wrong: from events through both folds to the document of an incident."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.fold import Batch, Limits, Message, Seat, Topic
from monitor_stream.events.results import Explanation, Incident, ModelResults
from monitor_stream.events.spec import DAY, HOUR, Baseline, ErrorScale, Feature, ModelSpec, Specs
from monitor_stream.judge import Judge
from monitor_stream.judge.drift.reference import categorical_reference, numeric_reference
from monitor_stream.judge.persist import unpack
from monitor_stream.judge.why import Fact, Sampled
from monitor_stream.judge.why.diary import DiaryState
from monitor_stream.observe import Observe
from monitor_stream.replay.run import Replay, replay
from monitor_stream.replay.table import Timed

BEGIN = 1_362_096_000
PER_DAY = 600
DAYS = 6
BROKEN = 4  # the day on which it begins
LABEL_DELAY = 600.0

CARRIERS = {"UA": 0.4, "AA": 0.3, "DL": 0.3}


def row(random: np.random.Generator, *, moved: bool = False) -> dict[str, Any]:
    return {
        "distance": float(random.lognormal(7.6 if moved else 7.0, 0.6)),
        "temp": float(random.normal(15.0, 8.0)),
        "carrier": str(random.choice(list(CARRIERS), p=list(CARRIERS.values()))),
    }


def spec(**more: Any) -> ModelSpec:
    random = np.random.default_rng(0)
    rows = [row(random) for _ in range(10_000)]
    distance, temp = (np.array([each[name] for each in rows]) for name in ("distance", "temp"))
    carriers = categorical_reference(Counter(str(each["carrier"]) for each in rows), len(rows))
    features = [
        Feature(name="temp", kind="numeric", importance=0.1, reference=numeric_reference(temp, len(rows))),
        Feature(
            name="distance", kind="numeric", importance=0.6, reference=numeric_reference(distance, len(rows))
        ),
        Feature(name="carrier", kind="categorical", importance=0.3, reference=carriers),
    ]
    values: dict[str, Any] = {
        "model": "m",
        "version": "1",
        "task": "binary",
        "features": features,
        "segments": ["carrier"],
        "horizon_seconds": HOUR,
        "min_samples": 300,
        "error_scale": ErrorScale(0.2, 0.4, spans=30),
        "baseline": {"accuracy": Baseline(0.8, 0.01, 30)},
    }
    return ModelSpec(**(values | more))


def events(random: np.random.Generator) -> tuple[list[bytes], list[bytes], list[float], list[float]]:
    """From `BROKEN` on distances are longer, and answers about AA are mostly wrong."""
    predictions, labels, predicted, labelled = [], [], [], []
    for at in range(DAYS * PER_DAY):
        time = BEGIN + at * DAY / PER_DAY
        broken = at >= BROKEN * PER_DAY
        features = row(random, moved=broken)
        wrong = random.random() < (0.7 if broken and features["carrier"] == "AA" else 0.2)
        key = {"model": "m", "version": "1", "prediction_id": str(at)}
        predictions.append(
            json.dumps(
                key | {"timestamp": time, "prediction": True, "score": 0.8, "features": features}
            ).encode()
        )
        labels.append(
            json.dumps(
                {"model": "m", "prediction_id": str(at), "timestamp": time + LABEL_DELAY, "label": not wrong}
            ).encode()
        )
        predicted.append(time)
        labelled.append(time + LABEL_DELAY)
    return predictions, labels, predicted, labelled


def run(which: ModelSpec, *, second: bool = False) -> Replay:
    predictions, labels, predicted, labelled = events(np.random.default_rng(1))
    if second:  # another version begins beside it, at noon of the day on which it breaks
        for at, time in enumerate(predicted.copy()):
            if time >= BEGIN + (BROKEN + 0.5) * DAY:
                event = json.loads(predictions[at]) | {"version": "2", "prediction_id": f"second {at}"}
                predictions.append(json.dumps(event).encode())
                predicted.append(time)
        order = np.argsort(predicted, kind="stable")
        predictions, predicted = [predictions[at] for at in order], [predicted[at] for at in order]
    return replay(
        [
            ("predictions", Timed(np.array(predicted), pa.array(predictions, pa.binary()))),
            ("labels", Timed(np.array(labelled), pa.array(labels, pa.binary()))),
        ],
        Specs([which]),
    )


def why(incidents: list[Incident]) -> Explanation:
    """The last that was said of the one incident of version 1."""
    found = {incident.id: incident for incident in incidents if incident.version == "1"}
    [incident] = found.values()
    assert incident.why is not None
    return incident.why


@pytest.fixture(scope="module")
def found() -> Replay:
    return run(spec())


def test_one_incident_names_the_feature_the_segment_and_the_first_window(found: Replay) -> None:
    """One feature moves, errors rise in one segment: both are named first, and from when on."""
    told = why(found.incidents)
    assert [suspect.feature for suspect in told.suspects] == ["distance"]
    suspect = told.suspects[0]
    assert suspect.importance == pytest.approx(0.6)
    assert suspect.rank == pytest.approx(0.6 * suspect.drift)
    assert suspect.drift > 1.0
    assert suspect.top
    assert (told.segments[0].segment, told.segments[0].value) == ("carrier", "AA")
    assert told.segments[0].low > told.segments[0].rest
    assert told.since == moment(BEGIN + BROKEN * DAY)


def test_rows_from_either_side_are_shown(found: Replay) -> None:
    """A few of the day before, and of the day on which it began, by feature and with the answer."""
    told = why(found.incidents)
    assert len(told.before) == len(told.after) == 5
    for each in (*told.before, *told.after):
        assert set(each) == {"distance", "carrier", "temp", "__score__"}
        assert each["carrier"] in CARRIERS
        assert each["__score__"] == 0.8
    predictions, *_ = events(np.random.default_rng(1))
    days = [
        {json.loads(event)["features"]["distance"] for event in predictions[day * PER_DAY :][:PER_DAY]}
        for day in range(DAYS)
    ]
    assert {each["distance"] for each in told.before} <= days[BROKEN - 1]
    assert {each["distance"] for each in told.after} <= days[BROKEN]


def test_masked_features_are_hidden() -> None:
    """In every row, on either side."""
    found = why(run(spec(masked=["distance"])).incidents)
    assert {each["distance"] for each in (*found.before, *found.after)} == {"***"}


def test_rows_are_kept_only_where_examples_may_be() -> None:
    """Where the spec says no there are none in what is shown, in what is published, and in what is stored to explain."""
    whole = 100_000, 100_000
    *_, state = told(whole, sources=1, which=spec())
    assert any(isinstance(fact, Sampled) for fact in facts(state))
    published, shown, state = told(whole, sources=1, which=spec(store_examples=False))
    assert facts(state)
    assert not any(isinstance(fact, Sampled) for fact in facts(state))
    for incident in (*published, *shown):
        assert incident.why is not None
        assert incident.why.before == incident.why.after == []
    assert [suspect.feature for suspect in why(shown).suspects] == ["distance"]


def facts(state: Mapping[str, bytes]) -> list[Fact]:
    """All that is stored to explain incidents."""
    diaries = [unpack(DiaryState, data) for name, data in state.items() if name.startswith('["why"')]
    return [fact for diary in diaries for fact in (*diary.waiting, *diary.kept)]


def test_another_version_that_began_at_the_time_is_named() -> None:
    """Its first window lies near the beginning of the incident."""
    told = why(run(spec(), second=True).incidents)
    [change] = [change for change in told.changes if change.what == "version"]
    assert change.at == moment(BEGIN + (BROKEN + 0.5) * DAY)
    assert change.detail == "version 2 made its first predictions"


def test_the_event_carries_the_why(found: Replay) -> None:
    """What is published says what the document shows."""
    incidents = found.incidents
    assert all(incident.why is not None for incident in incidents)
    data = msgspec.json.encode(incidents[-1])
    assert msgspec.json.decode(data, type=Incident) == incidents[-1]


def told(
    portions: tuple[int, int], *, sources: int, which: ModelSpec, restarts: bool = False
) -> tuple[list[Incident], list[Incident], dict[str, bytes]]:
    """What is published of incidents, what is shown, and what is stored in the end, where so many predictions and labels are read
    at a time.
    """
    predictions, labels, *_ = events(np.random.default_rng(1))
    specs, judged = Specs([which]), list[Message]()
    state: dict[str, bytes] = {}
    judge = Judge.restore(state, Seat(partition=0, partitions=1, epoch=1), specs, Limits())
    folds = [
        Observe.restore({}, Seat(partition=at, partitions=sources, epoch=1), specs, Limits())
        for at in range(sources)
    ]
    read = {"predictions": 0, "labels": 0}
    deltas = 0
    topics: list[tuple[Topic, list[bytes], int]] = [
        ("predictions", predictions, portions[0]),
        ("labels", labels, portions[1]),
    ]
    while any(read[topic] < len(values) for topic, values, _ in topics):
        for topic, values, portion in topics:
            new = range(read[topic], min(read[topic] + portion, len(values)))
            read[topic] = new.stop
            for at, fold in enumerate(folds):
                mine = [values[number] for number in new if number % sources == at]
                fold.apply(
                    Batch(
                        topic=topic,
                        offsets=range(len(mine)),
                        timestamps=[BEGIN + 9 * DAY] * len(mine),
                        values=mine,
                    )
                )
        for fold in folds:
            fresh = [message.value for message in fold.drain().messages if message.topic == "deltas"]
            fold.changes()
            judge.apply(
                Batch(
                    topic="deltas",
                    offsets=range(deltas, deltas + len(fresh)),
                    timestamps=[0.0] * len(fresh),
                    values=fresh,
                )
            )
            deltas += len(fresh)
        judged += judge.drain().messages
        store(judge, state)
        if restarts:
            judge = Judge.restore(state, Seat(partition=0, partitions=1, epoch=1), specs, Limits())
    judge.finish()
    end = judge.drain()
    judged += end.messages
    [document] = [decode_json(ModelResults, data) for data in end.results.values() if data is not None]
    published = [decode_json(Incident, message.value) for message in judged if message.topic == "incidents"]
    store(judge, state)
    return published, document.incidents, state


def store(judge: Judge, state: dict[str, bytes]) -> None:
    """As a commit does."""
    changes = judge.changes()
    state |= changes.puts
    for name in changes.deletes:
        state.pop(name, None)


def test_portions_workers_and_restarts_change_no_word_of_it() -> None:
    """All at once, by the half day, with predictions days ahead of their labels, in two partitions, with a restart at every step."""
    published, shown, _ = told((100_000, 100_000), sources=1, which=spec())
    assert published
    assert all(incident.why is not None for incident in (*published, *shown))
    for portions, sources in (((300, 300), 1), ((1_700, 300), 2)):
        *again, _ = told(portions, sources=sources, which=spec(), restarts=True)
        assert again == [published, shown]
