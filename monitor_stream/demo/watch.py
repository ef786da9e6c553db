"""What the monitor publishes, followed as any reader would: windows and incidents on Kafka, documents in the store."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from monitor_stream.config import confluent_config
from monitor_stream.events.cloudevents import is_incident
from monitor_stream.events.codec import decode_delta, decode_json
from monitor_stream.events.delta import Delta, Floats
from monitor_stream.events.results import Incident, ModelResults, VersionResults, Window
from monitor_stream.events.tables import SCORE_BINS
from monitor_stream.metrics.documents import Documents
from monitor_stream.server.partitions import TopicPartitions
from monitor_stream.server.reader import Reader
from monitor_stream.settings import Settings
from monitor_stream.state.redis import open_store

_READ: Final = ("windows", "incidents", "deltas")
_FETCH: Final = 5_000


class Watch:
    """Everything published so far on one model; a context manager that closes what it reads from.

    `windows` holds each window (by start, Unix seconds) in its newest revision; `scores` the counts of scores by
    window, class and bin, which the windows' AUC is made of.
    """

    def __init__(self, settings: Settings, model: str, version: str) -> None:
        self._model, self._version = model, version
        self._topics = {settings.topic(role): role for role in _READ}
        self._runner = asyncio.Runner()
        self._store = self._runner.run(open_store(settings))
        self._reader = Reader(self._store, TopicPartitions(settings).counts)
        self._seen: set[tuple[int, int]] = set()
        self.windows: dict[int, Window] = {}
        self.incidents: dict[str, Incident] = {}
        self.scores: dict[int, Floats] = defaultdict(lambda: np.zeros((2, SCORE_BINS)))
        self.documents = Documents()
        self._consumer = _consumer(settings, list(self._topics))

    def poll(self) -> None:
        """Read what is new; waits a tenth of a second at most when there is nothing.

        The documents are never older than the windows and incidents that were read: the reader's own may be, by a second.
        """
        for record in self._consumer.consume(_FETCH, 0.1):
            if record.error() is not None:
                raise KafkaException(record.error())
            role = self._topics[record.topic() or ""]
            if role != "incidents" or is_incident(dict(record.headers() or ()).items()):
                self._take(role, record.value() or b"")
            if role != "deltas":
                self._reader.forget()
        self.documents = self._runner.run(self._reader.read())

    @property
    def records(self) -> Counter[str]:
        """Records that OBSERVE has read, by topic role."""
        return sum((Counter(source.records) for source in self.documents.sources), Counter())

    @property
    def dead_letters(self) -> Counter[str]:
        """Records that could not be read, by reason."""
        found: Counter[str] = Counter()
        for source in self.documents.sources:
            for reasons in source.dead_letters.values():
                found.update(reasons)
        return found

    @property
    def model(self) -> ModelResults | None:
        """The document of the model."""
        return self.documents.models.get(self._model)

    @property
    def version(self) -> VersionResults | None:
        """What is known of the version."""
        return self.model.versions.get(self._version) if self.model else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
        self._runner.run(self._store.close())
        self._runner.close()

    def _take(self, role: str, value: bytes) -> None:
        match role:
            case "windows":
                self._take_window(decode_json(Window, value))
            case "incidents":
                incident = decode_json(Incident, value)
                self.incidents[incident.id] = incident
            case "deltas":
                self._take_delta(decode_delta(value))

    def _take_window(self, window: Window) -> None:
        start = int(window.start.timestamp())
        known = self.windows.get(start)
        # A worker that died may have published once more what it had published.
        if known is None or known.revision <= window.revision:
            self.windows[start] = msgspec.structs.replace(window, segments=[], features=[])

    def _take_delta(self, delta: Delta) -> None:
        part = delta.versions.get(self._version)
        if (delta.source, delta.number) in self._seen or part is None:
            return
        self._seen.add((delta.source, delta.number))
        if table := part.tables.get("scores"):
            for start, group, row in zip(*table.unpack(), strict=True):
                self.scores[int(start)][int(group == "positive")] += row


def _consumer(settings: Settings, topics: list[str]) -> Consumer:
    consumer = Consumer(
        confluent_config(settings)
        | {
            "group.id": f"{settings.application}-demo",  # the library wants one; nothing is committed
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    found: Any = consumer.list_topics(timeout=10.0).topics
    consumer.assign([TopicPartition(name, part, 0) for name in topics for part in found[name].partitions])
    return consumer
