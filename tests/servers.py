"""The servers tests talk to: embedded ones, or outside ones named by the environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor_stream.embedded import QUICK_START, Kafka, Valkey


@dataclass(frozen=True)
class KafkaServer:
    """A Kafka cluster tests may make topics in, but never stop."""

    bootstrap: str


@dataclass(frozen=True)
class ValkeyServer:
    """A Redis or Valkey tests may write to, but never stop or flush."""

    url: str


@contextmanager
def kafka_server(directory: Path) -> Iterator[KafkaServer]:
    """Yield the cluster `KAFKA_BOOTSTRAP` names, else a broker of our own."""
    if outside := os.environ.get("KAFKA_BOOTSTRAP"):
        yield KafkaServer(outside)
        return
    with Kafka.start(directory, java_flags=QUICK_START) as kafka:
        yield KafkaServer(kafka.bootstrap)


@contextmanager
def valkey_server(directory: Path) -> Iterator[ValkeyServer]:
    """Yield the server `REDIS_URL` names, else one of our own."""
    if outside := os.environ.get("REDIS_URL"):
        yield ValkeyServer(outside)
        return
    with Valkey.start(directory) as valkey:
        yield ValkeyServer(valkey.url)
