"""What must be true of Kafka before a worker starts: it answers, the topics are there, and they fit each other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, get_args

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from monitor_stream.errors import BrokerError, TopicsError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings

#: How long a broker may take to answer at start.
TIMEOUT_SECONDS: Final = 10.0


async def inspect(settings: Settings) -> Mapping[Topic, int]:
    """How many partitions each topic has.

    Raises `BrokerError` when Kafka does not answer, `TopicsError` when topics are missing or do not fit.
    """
    partitions = await asyncio.to_thread(_partitions, settings)
    if missing := [settings.topic(role) for role in get_args(Topic) if role not in partitions]:
        raise TopicsError(
            f"Kafka at {settings.bootstrap} has no topic {', '.join(missing)}. Make them: monitor-stream topics apply."
        )
    check_partitions(settings, partitions)
    return partitions


def check_partitions(settings: Settings, partitions: Mapping[Topic, int]) -> None:
    """Raise `TopicsError` unless predictions and labels have the same number of partitions."""
    if partitions["predictions"] != partitions["labels"]:
        raise TopicsError(
            f"Topic {settings.topic('predictions')} has {partitions['predictions']} partitions and "
            f"{settings.topic('labels')} has {partitions['labels']}. They must be equal, or labels do not meet their "
            "predictions: raise the smaller number."
        )


def _partitions(settings: Settings) -> dict[Topic, int]:
    admin = AdminClient(
        {"bootstrap.servers": settings.bootstrap, "socket.timeout.ms": int(TIMEOUT_SECONDS * 1000)}
    )
    try:
        topics = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise BrokerError(
            f"Kafka does not answer at {settings.bootstrap} within {TIMEOUT_SECONDS:g} s: {error.args[0].str()}. "
            "Is it running, and is the address right?"
        ) from error
    names: dict[str, Topic] = {settings.topic(role): role for role in get_args(Topic)}
    return {
        names[name]: len(topic.partitions)
        for name, topic in topics.items()
        if name in names and topic.error is None
    }
