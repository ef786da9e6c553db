"""Kafka, read by nobody's group: a topic from some time to its present end, and single records by their place."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from monitor_stream.config import confluent_config
from monitor_stream.errors import BrokerError
from monitor_stream.settings import Settings

#: How long the broker may be silent.
TIMEOUT_SECONDS: Final = 10.0
#: Offsets that are read over rather than sought across: a seek costs a fetch.
SKIP: Final = 1000
#: Bytes of one fetch, compressed as they come: dead letters resemble each other, and are tens of times larger unpacked.
FETCH_BYTES: Final = 128 << 10
#: Records fetched ahead, and kilobytes of them.
QUEUE_RECORDS, QUEUE_KBYTES = 2_000, 16 << 10


class Place(NamedTuple):
    """Where a record lies; the topic by its name on the broker."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Reader:
    """A consumer without a group, to be used in a `with` block. Every call raises `BrokerError`."""

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.bootstrap
        self._reason = ""
        options: dict[str, Any] = {
            "log_level": 0,
            "error_cb": self._hear,
            "client.id": f"{settings.application}-deadletters",
            "group.id": f"{settings.application}-deadletters",  # required by the library, and never joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "fetch.message.max.bytes": FETCH_BYTES,
            "queued.min.messages": QUEUE_RECORDS,
            "queued.max.messages.kbytes": QUEUE_KBYTES,
            "fetch.queue.backoff.ms": 5,  # a full queue empties in milliseconds; the default is a second
        }
        with self._sentences("cannot be used"):
            self._consumer = Consumer(confluent_config(settings) | options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def until_now(self, topic: str, since: float | None) -> Iterator[Message]:
        """Records that are there at the call, one partition after another, from a time (Unix seconds) on."""
        with self._sentences(f"topic {topic} cannot be read"):
            found = self._consumer.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            for partition in sorted(found.partitions):
                start, end = self._range(topic, partition, since)
                if start < end:
                    self._consumer.assign([TopicPartition(topic, partition, start)])
                    yield from self._until(end)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset there is, and the end."""
        with self._sentences(f"topic {topic}, partition {partition}, cannot be read"):
            found = self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=TIMEOUT_SECONDS
            )
            if found is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 the library's public name for it
        return int(found[0]), int(found[1])

    def records(
        self, topic: str, partition: int, offsets: Sequence[int]
    ) -> Iterator[tuple[int, Message | None]]:
        """The records at these ascending offsets; None for one that is there no more."""
        first, end = self.bounds(topic, partition)
        with self._sentences(f"topic {topic}, partition {partition}, cannot be read"):
            ahead: Message | None = None  # the last record read: at the offset looked for, or behind it
            following: int | None = None  # None: nothing is being read
            for offset in offsets:
                if not first <= offset < end:
                    yield offset, None
                    continue
                if following is None or offset > following + SKIP:
                    self._consumer.assign([TopicPartition(topic, partition, offset)])
                    ahead = None
                while ahead is None or _offset(ahead) < offset:
                    ahead = self._next()
                    if ahead is None:  # the end: only marks of transactions are left
                        break
                following = None if ahead is None else _offset(ahead) + 1
                yield offset, ahead if ahead is not None and _offset(ahead) == offset else None

    def _range(self, topic: str, partition: int, since: float | None) -> tuple[int, int]:
        first, end = self.bounds(topic, partition)
        if since is None:
            return first, end
        asked = TopicPartition(topic, partition, max(0, int(since * 1000)))
        (found,) = self._consumer.offsets_for_times([asked], timeout=TIMEOUT_SECONDS)
        if found.error is not None:
            raise KafkaException(found.error)
        return (found.offset if found.offset >= 0 else end), end

    def _until(self, end: int) -> Iterator[Message]:
        while (record := self._next()) is not None:
            if _offset(record) < end:
                yield record
            if _offset(record) >= end - 1:
                return

    def _next(self) -> Message | None:
        """The next record; None at the end of the partition."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            record = self._consumer.poll(0.5)
            if record is None:
                continue
            if (error := record.error()) is None:
                return record
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 the library's public name for it
                return None
            raise KafkaException(error)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 likewise

    def _hear(self, error: KafkaError) -> None:
        """Keep the reason (refused, a wrong password, a bad certificate): a call only says that it timed out."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 likewise
            self._reason = error.str()

    @contextmanager
    def _sentences(self, what: str) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            cause = error.args[0]
            reason = self._reason or (cause.str() if isinstance(cause, KafkaError) else str(cause))
            raise BrokerError(f"Kafka at {self._bootstrap}: {what}: {reason}.") from error


def _offset(record: Message) -> int:
    offset = record.offset()
    assert offset is not None  # noqa: S101 a record that was read has one
    return offset
