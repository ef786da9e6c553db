"""Servers that die under a running worker: it waits, goes on, and counts each record once."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor_stream.embedded import Kafka, Valkey
from monitor_stream.embedded.kafka import QUICK_RESTART
from monitor_stream.settings import Settings
from tests.stream.cluster import Cluster

pytestmark = pytest.mark.integration


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Kafka, Valkey]]:
    """Servers of this test's own, for it kills them."""
    with (
        Kafka.start(tmp_path / "kafka", properties=QUICK_RESTART) as kafka,
        Valkey.start(tmp_path / "valkey") as valkey,
    ):
        yield kafka, valkey


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # counters do not announce themselves
            await asyncio.sleep(0.05)


async def test_both_servers_may_crash_under_a_worker(servers: tuple[Kafka, Valkey]) -> None:
    """Valkey is killed and comes back, then Kafka: the same worker goes on, and its totals are exact."""
    kafka, valkey = servers
    cluster = Cluster(
        Settings(
            bootstrap=kafka.bootstrap,
            redis=valkey.url,
            commit_interval_seconds=0.2,
            session_timeout_seconds=6.0,
        )
    )
    cluster.create_topics()
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
