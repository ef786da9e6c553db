"""Publishes messages in order, and knows when they are safe on the broker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from monitor_stream.config import confluent_config
from monitor_stream.errors import BrokerError
from monitor_stream.events.fold import Message
from monitor_stream.settings import Settings

log = logging.getLogger(__name__)

#: How often deliveries are looked for. The broker answers in a few milliseconds.
POLL_SECONDS: Final = 0.005
#: The largest message the producer takes; the topic's own limit is what counts.
MAX_MESSAGE_BYTES: Final = 64 << 20


class Publisher:
    """An idempotent producer: what is handed over comes once and in order, through retries and broker restarts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = Producer(
            {
                **confluent_config(settings),
                "client.id": f"{settings.application}-worker",
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 5,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": 0,  # wait for a broker as long as it takes: memory is bounded elsewhere
                "partitioner": "murmur2_random",  # as Java clients do, so that others can co-partition
            },
            logger=log,
        )

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return once the broker has all of them, in order.

        Raises `BrokerError` when it refuses one for good, such as one larger than the topic allows.
        """
        waiting = len(messages)
        refused: list[str] = []

        def delivered(error: KafkaError | None, message: Delivered) -> None:
            nonlocal waiting
            waiting -= 1
            if error is not None:
                refused.append(f"{message.topic()}: {error.str()} ({len(message)} bytes)")

        for message in messages:
            await self._produce(message, delivered)
        while waiting:
            if not self._producer.poll(0):
                await asyncio.sleep(POLL_SECONDS)
        if refused:
            raise BrokerError(
                f"Kafka at {self._settings.bootstrap} refuses {len(refused)} messages, the first for topic "
                f"{refused[0]}. They are kept and published when this is mended and the worker starts again."
            )

    async def _produce(
        self, message: Message, delivered: Callable[[KafkaError | None, Delivered], None]
    ) -> None:
        topic = self._settings.topic(message.topic)
        while True:
            try:
                self._producer.produce(
                    topic, message.value, message.key, headers=list(message.headers), on_delivery=delivered
                )
            except BufferError:  # the producer's queue is full: let it deliver
                if not self._producer.poll(0):
                    await asyncio.sleep(POLL_SECONDS)
            except KafkaException as error:
                raise BrokerError(
                    f"A message of {len(message.value)} bytes for topic {topic} cannot be published: "
                    f"{error.args[0].str()}."
                ) from error
            else:
                return

    def close(self) -> None:
        """Drop what is still queued: it is in the outbox, and whoever holds the partition publishes it."""
        self._producer.purge()
        self._producer.flush(1.0)
        del self._producer  # which ends its threads
