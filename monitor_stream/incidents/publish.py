"""Tells Kafka what people said of incidents."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from monitor_stream.config import confluent_config
from monitor_stream.events.fold import Message
from monitor_stream.settings import Settings

log = logging.getLogger(__name__)

#: How long a broker may take. A person waits.
TIMEOUT_SECONDS: Final = 5.0


def publisher(settings: Settings) -> Callable[[Message], Awaitable[None]]:
    """Sends one message at a time; one that Kafka does not take is a line in the log, as the store has what it says."""

    async def publish(message: Message) -> None:
        trouble = await asyncio.to_thread(_send, settings, message)
        if trouble:
            log.warning(
                "Kafka at %s was not told what was said of incident %s: %s",
                settings.bootstrap,
                (message.key or b"").decode(),
                trouble,
            )

    return publish


def _send(settings: Settings, message: Message) -> str:
    """Send, and say what went wrong."""
    trouble: list[str] = []

    def hear(error: KafkaError | None, _: Delivered) -> None:
        if error is not None:
            trouble.append(error.str())

    options: dict[str, Any] = {
        "log_level": 0,
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": int(TIMEOUT_SECONDS * 1000),
        "partitioner": "murmur2_random",  # as the worker: all that is said of an incident is in one partition
    }
    try:
        producer = Producer(confluent_config(settings) | options)
        topic = settings.topic(message.topic)
        producer.produce(topic, message.value, message.key, headers=list(message.headers), on_delivery=hear)
        left = producer.flush(TIMEOUT_SECONDS + 1)
    except KafkaException as error:
        return str(error.args[0].str())
    return trouble[0] if trouble else "no answer" * bool(left)
