"""A bounded buffer in front of Kafka that never blocks: what does not fit, or is not delivered, is counted."""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from monitor_stream.errors import BrokerError

logger: Final = logging.getLogger("monitor_stream.client")

#: The least time between two log lines of one kind.
LOG_INTERVAL_SECONDS: Final = 30.0
#: How long the interpreter's exit waits for what is still in the buffer of a client that nobody closed.
EXIT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Stats:
    """Events since the client was made, in this process.

    `accepted` went into the buffer and are delivered, failed or still buffered; `dropped` did not.
    """

    accepted: int
    delivered: int
    failed: int
    dropped: int
    buffered: int


@dataclass(frozen=True)
class Loss:
    """One event that did not reach Kafka."""

    reason: Literal["buffer_full", "not_delivered", "closed"]
    topic: str
    detail: str


class Buffer:
    """Owns the producer. Thread-safe; begins anew in a forked child, where librdkafka's threads are gone."""

    def __init__(self, options: Mapping[str, Any], on_loss: Callable[[Loss], None] | None) -> None:
        # Weak, lest the producer keep its owner alive, and both a thread.
        delivered, broker_error = weakref.WeakMethod(self._delivered), weakref.WeakMethod(self._broker_error)
        self._options = {
            **options,
            "on_delivery": lambda *event: (hear := delivered()) and hear(*event),
            "error_cb": lambda error: (hear := broker_error()) and hear(error),
        }
        self._bootstrap = options["bootstrap.servers"]
        self._on_loss = on_loss
        self._closed = False
        self._begin()
        self._start()
        _buffers.add(self)

    def offer(self, topic: str, key: bytes | None, value: bytes) -> None:
        """Take an event, or drop and count it. Raises `ValueError` for one that Kafka would never take."""
        try:
            self._produce(topic, key, value)
        except BufferError:
            self._lose(Loss("buffer_full", topic, "the buffer is full"), dropped=True)

    def put(self, topic: str, key: bytes | None, value: bytes, timeout: float) -> None:
        """Take an event, waiting for room; raises `BrokerError` when none came in time."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self._produce(topic, key, value)
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"Kafka at {self._bootstrap} has taken nothing for {timeout:g} s, and the buffer is full."
                    ) from error
                time.sleep(0.01)

    def flush(self, timeout: float) -> int:
        """Wait for delivery; how many events are still in the buffer afterwards."""
        return self._waiting((self._producer or self._start()).flush(timeout))

    def close(self, timeout: float) -> int:
        """Flush, then give up what is left; how many events that was."""
        self._closed = True
        producer = self._producer or self._start()
        left = self._waiting(producer.flush(timeout))
        if left:
            producer.purge()
            producer.flush(1.0)
        self._stop.set()
        return left

    def stats(self) -> Stats:
        """The counts so far."""
        buffered = self._waiting(len(self._producer or self._start()))
        with self._lock:
            delivered = max(0, self._accepted - self._failed - buffered)
            return Stats(self._accepted, delivered, self._failed, self._dropped, buffered)

    def _waiting(self, queued: int) -> int:
        """How many events wait: librdkafka counts what it has to tell us, such as a broker's failure, in its queue."""
        with self._lock:
            return min(queued, self._accepted - self._failed)

    def _begin(self) -> None:
        """The state of a process that has sent nothing."""
        self._lock = threading.Lock()
        self._accepted = self._failed = self._dropped = 0
        self._losses, self._troubles = Quiet(), Quiet()
        self._producer: Producer | None = None

    def _start(self) -> Producer:
        with self._lock:
            if self._producer is None:
                producer = self._producer = Producer(self._options)
                self._stop = stop = threading.Event()
                weakref.finalize(self, stop.set).atexit = False
                threading.Thread(
                    target=_poll, args=(producer, stop), name="monitor-client", daemon=True
                ).start()
            return self._producer

    def _forked(self) -> None:
        """Leave the parent's producer as it is: to destroy it would wait for threads that were not forked."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
        self._begin()

    def _produce(self, topic: str, key: bytes | None, value: bytes) -> None:
        if self._closed:
            self._lose(Loss("closed", topic, "the client is closed"), dropped=True)
            return
        try:
            (self._producer or self._start()).produce(topic, value, key)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise ValueError(f"an event of {len(value):,} bytes is too large for Kafka") from error
            self._lose(Loss("not_delivered", topic, cause.str()), dropped=True)
            return
        with self._lock:
            self._accepted += 1

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._lose(Loss("not_delivered", message.topic() or "", error.str()), dropped=False)

    def _lose(self, loss: Loss, *, dropped: bool) -> None:
        with self._lock:
            if dropped:
                self._dropped += 1
            else:
                self._failed += 1
            count = self._losses.count()
        if count:
            logger.warning(
                "Events that did not reach Kafka at %s: %d (%s)", self._bootstrap, count, loss.detail
            )
        if self._on_loss is not None:
            try:
                self._on_loss(loss)
            except Exception:
                logger.exception("The callback on_loss failed")

    def _broker_error(self, error: KafkaError) -> None:
        with self._lock:
            count = self._troubles.count()
        if count:
            logger.warning("Kafka at %s: %s", self._bootstrap, error.str())


class Quiet:
    """Lets one line through an interval, with the count of what happened since the last."""

    def __init__(self) -> None:
        self._since, self._next = 0, 0.0

    def count(self) -> int:
        """Count one; how many to report now, 0 for none."""
        self._since += 1
        now = time.monotonic()
        if now < self._next:
            return 0
        counted, self._since, self._next = self._since, 0, now + LOG_INTERVAL_SECONDS
        return counted


def _poll(producer: Producer, stop: threading.Event) -> None:
    """Serve callbacks, which the caller's threads have no time for; at the end, deliver what is left."""
    while not stop.is_set():
        producer.poll(_POLL_SECONDS)
    producer.flush(EXIT_SECONDS)


_buffers: weakref.WeakSet[Buffer] = weakref.WeakSet()


def _after_fork() -> None:
    for buffer in list(_buffers):
        buffer._forked()  # noqa: SLF001 the same file


def _at_exit() -> None:
    for buffer in list(_buffers):
        buffer.close(EXIT_SECONDS)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
