"""Reads the compacted topic of model specs: to its end before the folds start, then as it grows."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from monitor_stream.config import confluent_config
from monitor_stream.errors import BrokerError, MonitorStreamError, TopicsError
from monitor_stream.events.codec import decode_spec
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.settings import Settings
from monitor_stream.stream.health import WorkerStats

log = logging.getLogger(__name__)

#: How long the whole topic may take to read at start.
START_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5
#: How long the thread is waited for; it is a daemon, and may hang on a broker that does not answer.
STOP_SECONDS: Final = 1.0


class ModelFeed:
    """Keeps `specs` what the topic says. Every worker reads all of it, so it is in no consumer group.

    Parameters
    ----------
    specs
        Changed in the event loop that called `start`, and by nobody else.
    """

    def __init__(self, settings: Settings, specs: Specs, stats: WorkerStats) -> None:
        self._settings = settings
        self._specs = specs
        self._stats = stats
        self._versions: dict[bytes, tuple[str, str]] = {}  # record key → what lies under it
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Return once all specs there are were read.

        Raises `BrokerError` when that takes too long, `TopicsError` when there is no such topic.
        """
        loop = asyncio.get_running_loop()
        read_to_end = loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(loop, read_to_end), name="models", daemon=True
        )
        self._thread.start()
        await read_to_end

    async def stop(self) -> None:
        self._ending.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def _run(self, loop: asyncio.AbstractEventLoop, read_to_end: asyncio.Future[None]) -> None:
        consumer = Consumer(
            {
                **confluent_config(self._settings),
                "client.id": f"{self._settings.application}-models",
                "group.id": f"{self._settings.application}-models",  # required, and never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            },
            logger=log,
        )
        try:
            self._read_to_end(consumer, loop)
        except MonitorStreamError as error:
            loop.call_soon_threadsafe(_settle, read_to_end, error)
        else:
            loop.call_soon_threadsafe(_settle, read_to_end, None)
            while not self._ending.is_set():
                self._poll(consumer, loop)
        finally:
            consumer.close()

    def _read_to_end(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        topic = self._settings.topic("models")
        deadline = time.monotonic() + START_SECONDS
        try:
            partitions = consumer.list_topics(topic, timeout=START_SECONDS).topics[topic].partitions
            consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        except KafkaException as error:
            raise BrokerError(
                f"Topic {topic} at {self._settings.bootstrap} cannot be read: {error}."
            ) from error
        if not partitions:
            raise TopicsError(
                f"Kafka at {self._settings.bootstrap} has no topic {topic}. Make it: monitor-stream topics apply."
            )
        unread = set(partitions)
        while unread and not self._ending.is_set():
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"Topic {topic} at {self._settings.bootstrap} could not be read within {START_SECONDS:g} s."
                )
            unread.discard(self._poll(consumer, loop))

    def _poll(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> int | None:
        """Take one record. Returns the partition whose end was reached, if one was."""
        record = consumer.poll(POLL_SECONDS)
        if record is None:
            return None
        error = record.error()
        if error is None:
            loop.call_soon_threadsafe(self._take, record)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # public, in spite of its name
            return record.partition()
        else:
            log.warning("Reading model specs from %s: %s", self._settings.topic("models"), error)
        return None

    def _take(self, record: Message) -> None:
        """One record, in the event loop: a spec, or the end of one."""
        key, value = record.key() or b"", record.value()
        if value is None:
            if key in self._versions:
                self._specs.remove(*self._versions.pop(key))
        elif (spec := self._decode(record, value)) is not None:
            self._versions[key] = (spec.model, spec.version)
            self._specs.add(spec)
        self._stats.specs = len(self._specs)

    def _decode(self, record: Message, value: bytes) -> ModelSpec | None:
        try:
            return decode_spec(value)
        except msgspec.MsgspecError as error:
            self._stats.spec_errors += 1
            log.error(  # noqa: TRY400  # the sentence says all, a traceback nothing more
                "The model spec at %s/%s, offset %s, cannot be read, the one before stays in force: %s",
                record.topic(),
                record.partition(),
                record.offset(),
                error,
            )
            return None


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
