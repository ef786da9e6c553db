"""The event stream onto Kafka, both topics merged by event time, at a chosen pace."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from monitor_stream.client.client import PARTITIONER
from monitor_stream.config import confluent_config
from monitor_stream.demo.events import Stream
from monitor_stream.demo.speed import Speed
from monitor_stream.errors import BrokerError
from monitor_stream.settings import Settings

#: Events handed to the producer between two looks at the clock.
_STEP: Final = 2_000
_BREATH_SECONDS: Final = 0.02
_FLUSH_SECONDS: Final = 30.0


class Sending:
    """Sends a stream from a thread of its own; a context manager that ends it.

    `sent` counts the events handed over so far, `delivered` those the broker has; `done` says that it has all.
    """

    def __init__(self, settings: Settings, stream: Stream, speed: Speed) -> None:
        self._speed = speed
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._topics = (settings.topic("predictions"), settings.topic("labels"))
        self._producer = Producer(_configuration(settings))
        self._stream = stream
        times = np.concatenate([stream.predictions.times, stream.labels.times])
        # Stable: of events at one time the predictions, which come first here, go first.
        self._order = np.argsort(times, kind="stable")
        self._times = times[self._order]
        self._thread = threading.Thread(target=self._run, name="demo-sender", daemon=True)
        self.total = len(times)
        self.sent = 0
        self.delivered = 0
        self.done = False

    @property
    def event_time(self) -> float:
        """How far event time has come, Unix seconds."""
        return float(self._times[max(self.sent - 1, 0)])

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._send_all()
            self._flush()
            self.done = self.delivered == self.total
        except Exception as error:  # noqa: BLE001 the main thread raises it
            self._failure = error

    def _send_all(self) -> None:
        began = time.monotonic()
        while self.sent < self.total and not self._stopping.is_set():
            due = self._speed.due(self._times, time.monotonic() - began)
            for place in self._order[self.sent : min(due, self.sent + _STEP)].tolist():
                self._send(place)
            self._producer.poll(0)
            if due <= self.sent:
                self._stopping.wait(_BREATH_SECONDS)

    def _send(self, place: int) -> None:
        predictions = len(self._stream.predictions.times)
        is_label = place >= predictions
        events = self._stream.labels if is_label else self._stream.predictions
        row = place - predictions if is_label else place
        while True:
            try:
                self._producer.produce(
                    self._topics[is_label],
                    key=events.ids[row],
                    value=events.values[row],
                    on_delivery=self._count,
                )
                break
            except BufferError:  # the broker is behind: wait until it took some
                self._producer.poll(0.1)
        self.sent += 1

    def _flush(self) -> None:
        deadline = time.monotonic() + _FLUSH_SECONDS
        while self._producer.flush(0.1) and not self._stopping.is_set():
            if time.monotonic() > deadline:
                raise BrokerError(f"Kafka did not take the last events within {_FLUSH_SECONDS:.0f} s.")

    def _count(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failure = KafkaException(error)
        self.delivered += 1


def _configuration(settings: Settings) -> dict[str, Any]:
    return confluent_config(settings) | {
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 20,
        "partitioner": PARTITIONER,
        "log_level": 0,
    }
