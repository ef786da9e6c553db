"""The topics of one test on real servers, and workers that read them."""

from collections.abc import AsyncIterator

import pytest

from monitor_stream.embedded import Kafka, Valkey
from monitor_stream.settings import Settings
from tests.servers import KafkaServer, ValkeyServer
from tests.stream.cluster import Cluster

Servers = tuple[KafkaServer | Kafka, ValkeyServer | Valkey]


@pytest.fixture
def servers(kafka: KafkaServer, valkey: ValkeyServer) -> Servers:
    """Those that all tests share; a file whose tests harm them has its own."""
    return kafka, valkey


@pytest.fixture
async def bare_cluster(servers: Servers, unique: str) -> AsyncIterator[Cluster]:
    """A cluster without topics."""
    kafka, valkey = servers
    cluster = Cluster(
        Settings(
            bootstrap=kafka.bootstrap,
            redis=valkey.url,
            application=unique,
            topic_prefix=unique,
            commit_interval_seconds=0.2,
            session_timeout_seconds=6.0,
            worker_port=0,
        )
    )
    yield cluster
    await cluster.end()


@pytest.fixture
async def cluster(bare_cluster: Cluster) -> Cluster:
    """A cluster with all topics, of two partitions each."""
    bare_cluster.create_topics()
    return bare_cluster
