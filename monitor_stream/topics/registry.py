"""Model specs on their compacted topic: published by key, and read to the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from monitor_stream.config import confluent_config
from monitor_stream.errors import BrokerError, SpecError
from monitor_stream.events.codec import decode_spec, encode_json
from monitor_stream.events.spec import ModelSpec, spec_key
from monitor_stream.settings import Settings

TIMEOUT: Final = 10.0


@dataclass(frozen=True)
class Registry:
    """What the topic holds: the specs in force by key, and the keys whose newest value cannot be read, with the reason."""

    specs: dict[str, ModelSpec]
    unreadable: dict[str, str]


def publish_spec(settings: Settings, spec: ModelSpec) -> None:
    """Put a spec in force, in place of the one of that model and version; raises `BrokerError`."""
    _send(settings, spec.key, encode_json(spec))


def remove_spec(settings: Settings, model: str, version: str) -> None:
    """Take a spec out of force, by a tombstone; raises `SpecError` when there is none, `BrokerError`."""
    key = spec_key(model, version)
    registry = read_specs(settings)
    if key not in registry.specs and key not in registry.unreadable:
        raise SpecError(f"There is no spec {key} on {settings.topic('models')} at {settings.bootstrap}.")
    _send(settings, key, None)


def read_specs(settings: Settings) -> Registry:
    """Read the topic to its present end, as a worker does: a record that is no spec leaves the one before in force.

    Raises `BrokerError`.
    """
    registry = Registry({}, {})
    for record in _records(settings, settings.topic("models")):
        key, value = (record.key() or b"").decode(errors="replace"), record.value()
        registry.unreadable.pop(key, None)
        if value is None:
            registry.specs.pop(key, None)
            continue
        try:
            registry.specs[key] = decode_spec(value)
        except msgspec.MsgspecError as error:
            registry.unreadable[key] = str(error)
    return registry


def _send(settings: Settings, key: str, value: bytes | None) -> None:
    failures: list[str] = []

    def hear(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error.str())

    options: dict[str, Any] = {
        "log_level": 0,
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "zstd",
        "message.max.bytes": 4 << 20,
        "message.timeout.ms": int(TIMEOUT * 1000),
    }
    topic = settings.topic("models")
    try:
        producer = Producer(confluent_config(settings) | options)
        producer.produce(topic, key=key, value=value, on_delivery=hear)
        producer.flush(TIMEOUT + 1)
    except KafkaException as error:
        raise _sentence(settings, topic, error.args[0].str()) from error
    if failures:
        raise _sentence(settings, topic, failures[0])


def _records(settings: Settings, topic: str) -> Iterator[Message]:
    reason: list[str] = []
    options: dict[str, Any] = {
        "log_level": 0,
        "error_cb": lambda error: reason.append(error.str()),
        "group.id": f"{settings.application}-reader",  # required by the library; nothing is ever committed
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
    }
    try:
        consumer = Consumer(confluent_config(settings) | options)
        try:
            yield from _read_to_end(consumer, topic)
        finally:
            consumer.close()
    except KafkaException as error:
        cause = error.args[0]
        text = cause.str() if isinstance(cause, KafkaError) else str(cause)
        raise _sentence(settings, topic, reason[0] if reason else text) from error


def _read_to_end(consumer: Consumer, topic: str) -> Iterator[Message]:
    found = consumer.list_topics(topic, timeout=5.0).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    unread = set(found.partitions)
    consumer.assign([TopicPartition(topic, part, 0) for part in unread])
    deadline = time.monotonic() + TIMEOUT
    while unread:
        if time.monotonic() > deadline:
            raise KafkaException(f"no end after {TIMEOUT:.0f} s without a record")
        record = consumer.poll(0.5)
        if record is None:
            continue
        if (error := record.error()) is None:
            deadline = time.monotonic() + TIMEOUT
            yield record
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 the library's public name for it
            unread.discard(record.partition())
        else:
            raise KafkaException(error)


def _sentence(settings: Settings, topic: str, reason: str) -> BrokerError:
    return BrokerError(f"Kafka at {settings.bootstrap}, topic {topic}: {reason}.")
