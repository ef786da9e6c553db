"""Servers that die under a running worker: it waits, goes on, and counts each record once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor_stream.embedded import Kafka, Valkey
from monitor_stream.embedded.kafka import QUICK_RESTART
from tests.stream.cluster import Cluster, until

pytestmark = pytest.mark.integration


Servers = tuple[Kafka, Valkey]


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of this file's own, for its tests kill them."""
    directory = tmp_path_factory.mktemp("outages")
    with (
        Kafka.start(directory / "kafka", properties=QUICK_RESTART) as kafka,
        Valkey.start(directory / "valkey") as valkey,
    ):
        yield kafka, valkey


@pytest.fixture
def servers(mortal: Servers) -> Servers:
    """Both servers, alive."""
    for server in mortal:
        if not server.is_running:
            server.restart()
    return mortal


async def test_both_servers_may_crash_under_a_worker(servers: Servers, cluster: Cluster) -> None:
    """Valkey is killed and comes back, then Kafka: the same worker goes on, and its totals are exact."""
    kafka, valkey = servers
    cluster.produce("predictions", range(1_000))
    async with cluster.working() as stats:
        await cluster.until_judged(1_000)

        valkey.kill()
        cluster.produce("predictions", range(1_000, 2_000))
        await until(lambda: stats.commit_failures >= 2)
        valkey.restart()
        await cluster.until_judged(2_000)

        await asyncio.to_thread(kafka.kill)
        await asyncio.sleep(1.0)  # long enough for all connections to notice
        await asyncio.to_thread(kafka.restart)
        await asyncio.to_thread(cluster.produce, "predictions", range(2_000, 3_000))
        await cluster.until_judged(3_000)
    assert (await cluster.observed()).sums["predictions"] == sum(range(3_000))
    assert await cluster.judged() == (3_000, 0)


@pytest.mark.parametrize("victim", [0, 1], ids=["kafka", "valkey"])
async def test_a_worker_ends_in_time_without_its_servers(
    servers: Servers, cluster: Cluster, victim: int, tmp_path: Path
) -> None:
    """SIGTERM ends a worker with code 0 within ten seconds, also while a server does not answer."""
    cluster.produce("labels", range(100))
    worker = await cluster.worker(tmp_path).ready()
    await cluster.until_judged(100)
    await asyncio.to_thread(servers[victim].kill)
    assert (await worker.terminate())[0] == 0
