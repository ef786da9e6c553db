"""A Kafka cluster's topics, read and changed; what goes wrong becomes a sentence with the address."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)

from monitor_stream.config import confluent_config
from monitor_stream.errors import BrokerError
from monitor_stream.settings import Settings
from monitor_stream.topics.plan import Existing

#: Kafka's word for "as many as the cluster gives by default".
DEFAULT_REPLICATION: Final = -1
#: What a broker may say of a topic that was made a moment ago.
YOUNG: Final = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)


class Cluster:
    """Speaks to the cluster that the settings name. Every call raises `BrokerError` after `timeout` seconds at most."""

    def __init__(self, settings: Settings, *, timeout: float = 5.0) -> None:
        self._bootstrap = settings.bootstrap
        self._timeout = timeout
        self._reason = ""
        config: dict[str, Any] = {**confluent_config(settings), "log_level": 0, "error_cb": self._hear}
        with self._sentences():
            self._admin = AdminClient(config)

    def topics(self, names: Iterable[str]) -> dict[str, Existing]:
        """Those of the topics that are there."""
        with self._sentences():
            found = self._admin.list_topics(timeout=self._timeout).topics
            there = {name: found[name] for name in names if name in found}
            configs, records = self._configs(there), self._records(there)
        return {
            name: Existing(
                partitions=len(topic.partitions),
                replication=min((len(part.replicas) for part in topic.partitions.values()), default=0),
                config=configs[name],
                records=records[name],
            )
            for name, topic in there.items()
        }

    def create(
        self, topic: str, *, partitions: int, replication: int | None, config: Mapping[str, str]
    ) -> None:
        """Make a topic; one that somebody else made at the same moment is as good."""
        new = NewTopic(topic, partitions, replication or DEFAULT_REPLICATION, config=dict(config))
        try:
            self._finish(self._admin.create_topics([new]))
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self._sentence(error, f"would not create {topic}") from error

    def add_partitions(self, topic: str, total: int) -> None:
        """Let a topic grow."""
        with self._sentences(f"would not give {topic} {total} partitions"):
            self._finish(self._admin.create_partitions([NewPartitions(topic, total)]))

    def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Set these configurations, and leave the others as they are."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        with self._sentences(f"would not configure {topic}"):
            self._finish(self._admin.incremental_alter_configs([resource]))

    def wait_for(self, partitions: Mapping[str, int]) -> None:
        """Return once every broker's answer shows so many partitions of each topic, all with a leader."""
        deadline = time.monotonic() + 4 * self._timeout
        with self._sentences():
            while not self._are_led(partitions):
                if time.monotonic() > deadline:
                    names = ", ".join(partitions)
                    raise BrokerError(
                        f"Kafka at {self._bootstrap} made {names}, but no broker leads them yet."
                    )
                time.sleep(0.1)

    def newest_timestamps(self, topics: Iterable[str]) -> dict[str, float]:
        """The newest record's timestamp (Unix seconds) of each topic that has a record."""
        with self._sentences():
            found = self._admin.list_topics(timeout=self._timeout).topics
            results = self._offsets(
                {name: found[name] for name in topics if name in found},
                OffsetSpec.max_timestamp(),  # type: ignore[no-untyped-call]
            )
        newest: dict[str, float] = {}
        for part, result in results.items():
            if result.timestamp >= 0:
                newest[part.topic] = max(newest.get(part.topic, 0.0), result.timestamp / 1000)
        return newest

    def _are_led(self, partitions: Mapping[str, int]) -> bool:
        found = self._admin.list_topics(timeout=self._timeout).topics
        return all(
            name in found
            and len(found[name].partitions) >= count
            and all(part.leader >= 0 for part in found[name].partitions.values())
            for name, count in partitions.items()
        )

    def _configs(self, there: Mapping[str, TopicMetadata]) -> dict[str, dict[str, str]]:
        if not there:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in there]
        answers = self._admin.describe_configs(resources, request_timeout=self._timeout)
        return {
            resource.name: {name: entry.value for name, entry in answer.result(self._timeout).items()}
            for resource, answer in answers.items()
        }

    def _records(self, there: Mapping[str, TopicMetadata]) -> dict[str, int]:
        first = self._offsets(there, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        last = self._offsets(there, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        counts = dict.fromkeys(there, 0)
        for part, end in last.items():
            counts[part.topic] += end.offset - first[part].offset
        return counts

    def _offsets(self, there: Mapping[str, TopicMetadata], spec: OffsetSpec) -> dict[TopicPartition, Any]:
        asked = {
            TopicPartition(name, part): spec for name, topic in there.items() for part in topic.partitions
        }
        if not asked:
            return {}
        deadline = time.monotonic() + self._timeout
        while True:
            answers = self._admin.list_offsets(asked, request_timeout=self._timeout)
            try:
                return {part: answer.result(self._timeout) for part, answer in answers.items()}
            except KafkaException as error:
                if error.args[0].code() not in YOUNG or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _finish(self, answers: Mapping[Any, Future[Any]]) -> None:
        for answer in answers.values():
            answer.result(self._timeout)

    def _hear(self, error: KafkaError) -> None:
        """Keep the reason (refused, a wrong password, a bad certificate): a call only says that it timed out."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 the library's public name for it
            self._reason = error.str()

    @contextmanager
    def _sentences(self, what: str = "does not answer") -> Iterator[None]:
        try:
            yield
        except (KafkaException, TimeoutError) as error:
            raise self._sentence(error, what) from error

    def _sentence(self, error: Exception, what: str) -> BrokerError:
        self._admin.poll(0)  # lets librdkafka call `_hear`
        cause = error.args[0] if error.args else ""
        text = cause.str() if isinstance(cause, KafkaError) else str(cause)
        reason = self._reason or text
        return BrokerError(f"Kafka at {self._bootstrap} {what}{f': {reason}' if reason else ''}.")
