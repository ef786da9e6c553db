"""Two versions through both folds: the same comparisons and the same news, whatever the batches, the order and the crashes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Batch, Changes, Fold, Limits, Message, Seat, Topic
from monitor_stream.events.results import Comparison, Incident, ModelResults
from monitor_stream.events.spec import CompareRules, DriftRules, ModelSpec, Specs
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.judge import Judge
from monitor_stream.observe import Observe

START = 1_780_000_000.0 - 1_780_000_000.0 % 1000.0
#: Of the records: no event is ahead of its own.
END = START + 20_000.0
SOURCES, SPANS, SPAN, A_SPAN = 2, 9, 1000.0, 60
LIMITS = Limits(idle_timeout_seconds=1e9)
CHAMPION = ModelSpec(
    model="m",
    version="1",
    task="regression",
    segments=["city"],
    window_seconds=500.0,
    horizon_seconds=1500.0,
    allowed_disorder_seconds=25.0,
    duplicate_window_seconds=300.0,
    drift=DriftRules(span_seconds=SPAN),
    created=1.0,
    compare=CompareRules(segment="city"),
)
CHALLENGER = msgspec.structs.replace(CHAMPION, version="2", stage="challenger", created=2.0)
SPECS = Specs([CHAMPION, CHALLENGER])

Topics = Mapping[Topic, list[bytes]]


def topics(source: int, *, paired: bool) -> Topics:
    """What both versions answered (half of the ids each, where not `paired`), and the truth, mostly up to a span later."""
    rng = np.random.default_rng(source)
    predictions: list[Prediction] = []
    labels: list[Label] = []
    n = SPANS * A_SPAN
    for number, at in enumerate(START + np.sort(rng.uniform(0.0, SPANS * SPAN, n))):
        identity, truth = f"{source}-{number}", float(rng.normal())
        at_work = [CHAMPION, CHALLENGER] if paired else [(CHAMPION, CHALLENGER)[number % 2]]
        for spec in at_work:
            error = abs(rng.normal(1.0 if spec is CHAMPION else 0.4, 0.1))
            predictions.append(
                Prediction(
                    model="m",
                    version=spec.version,
                    prediction_id=identity,
                    timestamp=float(at + rng.uniform(-20.0, 0.0)),
                    prediction=truth + error,
                    segments={"city": ("oslo", "rome")[number % 3 == 0]},
                )
            )
        # Some labels come before their prediction, by less than the duplicate window.
        delay = rng.uniform(-250.0, 0.0) if rng.random() < 0.3 else rng.uniform(0.0, SPAN)
        if rng.random() < 0.9:
            labels.append(
                Label(
                    model="m",
                    prediction_id=identity,
                    timestamp=float(at + delay),
                    label=truth,
                )
            )
    labels.sort(key=lambda label: label.timestamp or 0.0)
    return {
        "predictions": [*map(msgspec.json.encode, predictions)],
        "labels": [*map(msgspec.json.encode, labels)],
    }


class Process:
    """A fold, what it reads, and what it committed: a crash goes back to that."""

    def __init__(self, kind: type[Fold], seat: Seat, log: Topics) -> None:
        self.kind, self.seat, self.log = kind, seat, log
        self.state: dict[str, bytes] = {}
        self.committed: dict[Topic, int] = dict.fromkeys(log, 0)
        self.results: dict[str, bytes | None] = {}
        self.crash()

    def crash(self) -> None:
        self.seat = msgspec.structs.replace(self.seat, epoch=self.seat.epoch + 1)
        self.fold = self.kind.restore(self.state, self.seat, SPECS, LIMITS)
        self.at = dict(self.committed)

    def read(self, topic: Topic, count: int) -> None:
        first = self.at[topic]
        values = self.log[topic][first : first + count]
        self.at[topic] = first + len(values)
        self.fold.apply(
            Batch(
                topic=topic,
                offsets=range(first, self.at[topic]),
                timestamps=[END] * len(values),
                values=values,
            )
        )

    def commit(self) -> list[Message]:
        outputs, changes = self.fold.drain(), self.fold.changes()
        self.results |= outputs.results
        self._store(changes)
        self.committed = dict(self.at)
        return list(outputs.messages)

    def _store(self, changes: Changes) -> None:
        self.state |= changes.puts
        for name in changes.deletes:
            self.state.pop(name, None)


class Found(NamedTuple):
    """The comparisons in the end, and what was told on the way."""

    comparisons: list[Comparison]
    told: list[Message]


def run(logs: list[Topics], choice: random.Random | None = None) -> Found:
    """Everything in one piece, or as chance will have it."""
    sources = [
        Process(Observe, Seat(partition=number, partitions=SOURCES, epoch=0), log)
        for number, log in enumerate(logs)
    ]
    deltas: list[bytes] = []
    judge = Process(Judge, Seat(partition=0, partitions=1, epoch=0), {"deltas": deltas})
    told: list[Message] = []

    def publish(process: Process) -> None:
        for message in process.commit():
            if message.topic == "deltas":
                deltas.append(message.value)
            elif message.topic == "incidents":
                told.append(message)

    for _ in range(0 if choice is None else 250):
        assert choice is not None
        process = choice.choice([*sources, judge])
        process.read(choice.choice(list(process.log)), choice.choice([1, 20, 60]))
        if choice.random() < 0.5:
            publish(process)
        elif choice.random() < 0.2:
            process.crash()
    for process in (*sources, judge):
        for topic in process.log:
            process.read(topic, 10**6)
        publish(process)
    assert isinstance(judge.fold, Judge)
    judge.fold.finish()
    publish(judge)
    document = judge.results["model:m"]
    assert document is not None
    return Found(decode_json(ModelResults, document).comparisons, told)


@pytest.fixture(scope="module", params=[True, False], ids=["paired", "unpaired"])
def story(request: pytest.FixtureRequest) -> tuple[list[Topics], Found]:
    logs = [topics(source, paired=request.param) for source in range(SOURCES)]
    return logs, run(logs)


def test_the_better_version_is_found_and_told(story: tuple[list[Topics], Found]) -> None:
    """On the same ids, or on the same spans where each answered its own: by how much, where, and in one event."""
    logs, found = story
    paired = len(logs[0]["predictions"]) == 2 * SPANS * A_SPAN
    assert [comparison.group for comparison in found.comparisons] == ["", "city=oslo", "city=rome"]
    whole = found.comparisons[0]
    assert (whole.paired, whole.verdict) == (paired, "better")
    assert whole.effect == pytest.approx(-0.6, abs=0.05)
    labels = sum(len(log["labels"]) for log in logs)
    assert whole.n == labels if paired else whole.n < labels
    (event,) = found.told
    headers = dict(event.headers)
    assert headers["ce_type"] == b"io.monitor-stream.comparison.better"
    assert headers["ce_source"] == b"/models/m/versions/2"
    said = decode_json(Comparison, event.value)
    assert (said.verdict, said.decided) == ("better", whole.decided)
    with pytest.raises(msgspec.ValidationError):
        decode_json(Incident, event.value)


@pytest.mark.parametrize("seed", range(6))
def test_batches_order_and_crashes_change_nothing(story: tuple[list[Topics], Found], seed: int) -> None:
    """Any split, any interleaving of topics and sources, crashes of either fold: the same comparisons, each event once."""
    logs, expected = story
    assert run(logs, random.Random(seed)) == expected
