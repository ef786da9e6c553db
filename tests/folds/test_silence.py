"""Both folds together, as a worker runs them, on a model that falls silent."""

import msgspec

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Batch, Limits, Message, Seat, Topic
from monitor_stream.events.results import Window
from monitor_stream.events.spec import Specs
from monitor_stream.events.wire import Prediction
from monitor_stream.judge import Judge
from monitor_stream.observe import Observe

START = 1_780_000_000.0
LIMITS = Limits(idle_timeout_seconds=30.0)
TOPICS: tuple[Topic, ...] = ("predictions", "labels")


class Pair:
    """OBSERVE and JUDGE, driven by the wall; one of four sources has events."""

    def __init__(self) -> None:
        seat = Seat(partition=0, partitions=4, epoch=1)
        self.observe = Observe.restore({}, seat, Specs(), LIMITS)
        self.judge = Judge.restore({}, seat, Specs(), LIMITS)
        self.deltas = 0

    def tell(self, batch: Batch) -> None:
        self.observe.apply(batch)

    def second(self, now: float) -> list[Message]:
        """One second of a worker that has nothing to read; what JUDGE publishes."""
        for topic in TOPICS:
            self.tell(Batch(topic=topic, offsets=[], timestamps=[], values=[], ended=True))
        self.observe.tick(now)
        self.judge.tick(now)
        deltas = [message.value for message in self.observe.drain().messages]
        offsets = range(self.deltas, self.deltas + len(deltas))
        timestamps = [now] * len(deltas)
        self.judge.apply(
            Batch(topic="deltas", offsets=offsets, timestamps=timestamps, values=deltas, ended=True)
        )
        self.deltas += len(deltas)
        return list(self.judge.drain().messages)


def silent_pair() -> Pair:
    pair = Pair()
    event = Prediction(model="quiet", prediction_id="a", timestamp=START, prediction=1.5)
    value = msgspec.json.encode(event)
    pair.tell(Batch(topic="predictions", offsets=[0], timestamps=[START], values=[value]))
    return pair


def test_last_window_is_published() -> None:
    """The last window of a model that falls silent closes by the wall, not with an event that never comes."""
    pair = silent_pair()
    published = [message for step in range(600) for message in pair.second(START + step)]
    (window,) = [decode_json(Window, message.value) for message in published if message.topic == "windows"]
    assert window.n == 1
    assert window.end.timestamp() <= START + 600


def test_silence_is_cheap() -> None:
    """A silent model is not told of each second: a delta a minute, the allowed disorder, will do."""
    pair = silent_pair()
    for step in range(1800):
        pair.second(START + step)
    assert pair.deltas <= 1800 / 60 + 2
