"""Begin anew from the log: forget what was computed, keep what it was computed from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, OffsetSpec

from monitor_stream import topics
from monitor_stream.config import confluent_config
from monitor_stream.errors import BrokerError, StoreError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName
from monitor_stream.state.redis import RedisStore, open_store

_TIMEOUT_SECONDS: Final = 10.0
#: Each fold, and the topic whose partitions it has.
_FOLDS: Final[Mapping[FoldName, Topic]] = {"observe": "predictions", "judge": "deltas"}

#: What a broker answers while the group's coordinator is being chosen or reads its topic.
_SOON: Final = frozenset({"COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"})
_PAUSE_SECONDS: Final = 0.2

Pulse = Mapping[tuple[FoldName, int], tuple[int, int]]


def find_workers(settings: Settings) -> None:
    """Raise `BrokerError` while the consumer group of the application has members."""
    admin = AdminClient(confluent_config(settings) | {"log_level": 0})
    try:
        group = _describe(admin, settings.application, time.monotonic() + _TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].name() == "GROUP_ID_NOT_FOUND":  # nobody ever joined
            return
        raise BrokerError(
            f"Kafka at {settings.bootstrap} does not tell who is in the group {settings.application}: "
            f"{error.args[0].str() or error.args[0].name()}."
        ) from error
    if group.members and group.state is not ConsumerGroupState.DEAD:
        raise BrokerError(
            f"{len(group.members)} workers of {settings.application} are running, or were killed a moment ago. Stop "
            f"them all, wait {settings.session_timeout_seconds:g} s, and try again."
        )


def _describe(admin: AdminClient, group: str, deadline: float) -> ConsumerGroupDescription:
    """Ask again, until `deadline`, while the broker only says that the group's coordinator is not ready."""
    while True:
        (answer,) = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_SECONDS).values()
        try:
            description: ConsumerGroupDescription = answer.result()
        except KafkaException as error:
            if error.args[0].name() not in _SOON or time.monotonic() > deadline:
                raise
        else:
            return description
        time.sleep(_PAUSE_SECONDS)


def forget_all(settings: Settings) -> int:
    """Forget state, outboxes and results of all partitions; returns how many there are.

    OBSERVE will read predictions and labels from the beginning of the log. JUDGE will read the deltas that come from
    now on: those that are there were made by the history that is forgotten.

    Raises `StoreError` when a worker still commits, `BrokerError`, `TopicsError`.
    """
    counts = topics.check(settings)
    return asyncio.run(_forget_all(settings, counts, _ends(settings, counts["deltas"])))


async def _forget_all(settings: Settings, counts: Mapping[Topic, int], ends: Mapping[int, int]) -> int:
    store = await open_store(settings)
    try:
        before = await _pulse(store, counts)
        await asyncio.sleep(2 * settings.commit_interval_seconds)
        if moving := [key for key, pulse in (await _pulse(store, counts)).items() if pulse != before[key]]:
            raise StoreError(
                f"A worker of {settings.application} still writes to the store at {store.address}: "
                f"{len(moving)} partitions changed just now. Stop all workers, and try again."
            )
        for fold, partition in before:
            await store.forget(fold, partition, {"deltas": ends[partition]} if fold == "judge" else {})
    finally:
        await store.close()
    return len(before)


async def _pulse(store: RedisStore, counts: Mapping[Topic, int]) -> Pulse:
    return {
        (fold, partition): await store.pulse(fold, partition)
        for fold, topic in _FOLDS.items()
        for partition in range(counts[topic])
    }


def _ends(settings: Settings, partitions: int) -> dict[int, int]:
    admin = AdminClient(confluent_config(settings) | {"log_level": 0})
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(settings.topic("deltas"), partition): latest for partition in range(partitions)}
    try:
        answers = admin.list_offsets(asked, request_timeout=_TIMEOUT_SECONDS)
        return {place.partition: answer.result().offset for place, answer in answers.items()}
    except KafkaException as error:
        raise BrokerError(
            f"Kafka at {settings.bootstrap} does not tell where {settings.topic('deltas')} ends: "
            f"{error.args[0].str()}."
        ) from error
