"""Both folds of a few partitions, whose workers are slow, dead or restarting, under a wall clock that does as it likes."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Batch, Fold, Limits, Message, Seat, Topic
from monitor_stream.events.results import ModelResults, Window
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.judge import Judge
from monitor_stream.observe import Observe

START = 1_780_000_000.0
SOURCES = 3
LIMITS = Limits(idle_timeout_seconds=30.0)
SPEC = ModelSpec(
    model="m",
    version="1",
    task="regression",
    window_seconds=20.0,
    horizon_seconds=40.0,
    allowed_disorder_seconds=10.0,
    duplicate_window_seconds=20.0,
)

#: Seconds to the event before, and from a prediction to its label.
Events = list[tuple[float, float]]
EVENTS = st.lists(
    st.tuples(st.sampled_from([0.0, 3.0, 10.0, 50.0]), st.sampled_from([0.0, 5.0, 39.0])), max_size=12
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "predictions",
                "labels",
                "commit",
                "look",
                "look",
                "judge",
                "judge",
                "crash",
                "judge crashes",
            ]
        ),
        st.integers(0, SOURCES - 1),
        st.integers(0, 5),
        st.sampled_from([0.0, 12.0, 25.0, 10_000.0]),
    ),
    max_size=60,
)


class Process:
    """A fold, the topics it reads, and what it committed: a crash goes back to that."""

    def __init__(self, kind: type[Fold], seat: Seat, topics: dict[Topic, list[bytes]]) -> None:
        self.kind, self.seat, self.topics = kind, seat, topics
        self.state: dict[str, bytes] = {}
        self.committed: dict[Topic, int] = dict.fromkeys(topics, 0)
        self.results: dict[str, bytes | None] = {}
        self.restart()

    def restart(self) -> None:
        self.seat = msgspec.structs.replace(self.seat, epoch=self.seat.epoch + 1)
        self.fold = self.kind.restore(self.state, self.seat, Specs([SPEC]), LIMITS)
        self.read_up_to = dict(self.committed)

    def read(self, topic: Topic, count: int) -> None:
        first = self.read_up_to[topic]
        values = self.topics[topic][first : first + count]
        end = self.read_up_to[topic] = first + len(values)
        self.fold.apply(
            Batch(
                topic=topic,
                offsets=range(first, end),
                timestamps=[START] * len(values),
                values=values,
                ended=end == len(self.topics[topic]),
            )
        )

    def commit(self, now: float) -> list[Message]:
        self.fold.tick(now)
        outputs, changes = self.fold.drain(), self.fold.changes()
        self.results |= outputs.results
        self.state |= changes.puts
        for name in changes.deletes:
            self.state.pop(name, None)
        self.committed = dict(self.read_up_to)
        return list(outputs.messages)


class World:
    """Sources with all their events before them, and JUDGE; every source was heard once."""

    def __init__(self, events: list[Events]) -> None:
        self.now = 0.0
        self.times: list[list[float]] = []
        self.sources: list[Process] = []
        for number, of_source in enumerate(events):
            times, predictions, labels = _topics(number, of_source)
            self.times.append(times)
            encode = msgspec.json.encode
            self.sources.append(
                Process(
                    Observe,
                    Seat(partition=number, partitions=SOURCES, epoch=0),
                    {"predictions": [*map(encode, predictions)], "labels": [*map(encode, labels)]},
                )
            )
        self.deltas: list[bytes] = []
        self.judge = Process(Judge, Seat(partition=0, partitions=1, epoch=0), {"deltas": self.deltas})
        self.windows: list[Window] = []
        for source in self.sources:
            source.read("predictions", 1)
            self.tell(source)
        self.judge.read("deltas", SOURCES)

    def tell(self, source: Process) -> None:
        self.deltas.extend(message.value for message in source.commit(self.now))

    def publish(self) -> list[Window]:
        told = self.judge.commit(self.now)
        new = [decode_json(Window, message.value) for message in told if message.topic == "windows"]
        self.windows += new
        return new

    def step(self, what: str, number: int, count: int) -> None:
        source = self.sources[number]
        match what:
            case "predictions" | "labels":
                source.read(what, count)
            case "commit":
                self.tell(source)
            case "look":
                for each in self.sources:
                    for topic in each.topics:
                        each.read(topic, 0)
                    self.tell(each)
            case "crash":
                source.restart()
            case "judge":
                self.judge.read("deltas", count**3)
                self.expect_held(self.publish())
            case "judge crashes":
                self.judge.restart()

    def expect_held(self, published: list[Window]) -> None:
        """Nothing that is still to be read falls into a window that was published."""
        for source, times in zip(self.sources, self.times, strict=True):
            unread = times[source.read_up_to["predictions"] :]
            assert not any(
                window.start.timestamp() <= t < window.end.timestamp() for window in published for t in unread
            )

    def second(self) -> None:
        """All workers live, read to the end, and commit."""
        self.now += 1.0
        for source in self.sources:
            for topic in source.topics:
                source.read(topic, 1_000)
            self.tell(source)
        self.judge.read("deltas", 1_000)
        self.publish()

    def final(self) -> dict[float, Any]:
        """The last revision of each window, its number apart."""
        return {w.start.timestamp(): msgspec.structs.replace(w, revision=0) for w in self.windows}

    @property
    def late_rows(self) -> int:
        document = self.judge.results["model:m"]
        assert document is not None
        return decode_json(ModelResults, document).versions["1"].totals.late_rows


def _topics(source: int, events: Events) -> tuple[list[float], list[Prediction], list[Label]]:
    """The times of the predictions, and both topics in their order."""
    times = list(accumulate((gap for gap, _ in events), initial=START))
    delays = [0.0, *(delay for _, delay in events)]
    names = [f"{source}-{number}" for number in range(len(times))]
    predictions = [
        Prediction(model="m", version="1", prediction_id=name, timestamp=time, prediction=float(number))
        for number, (name, time) in enumerate(zip(names, times, strict=True))
    ]
    labelled = sorted((time + delay, name) for name, time, delay in zip(names, times, delays, strict=True))
    return (
        times,
        predictions,
        [Label(model="m", prediction_id=name, timestamp=time, label=1.0) for time, name in labelled],
    )


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, min_size=SOURCES, max_size=SOURCES), STEPS)
def test_a_source_with_a_backlog_holds_windows_and_one_without_does_not(
    events: list[Events], steps: list[tuple[str, int, int, float]]
) -> None:
    """Whatever the wall clock does, no row comes late; and all windows settle once all is read and silent."""
    world = World(events)
    for what, number, count, seconds in steps:
        world.now += seconds
        world.step(what, number, count)
    plain = World(events)
    for each in (world, plain):
        for _ in range(130):
            each.second()
        assert each.late_rows == 0
    assert world.final() == plain.final()
    assert all(window.settled for window in plain.final().values())
    assert sum(window.n for window in plain.final().values()) == sum(map(len, plain.times))
