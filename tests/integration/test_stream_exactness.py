"""Each record counts once on real servers, through restarts, crashes and rebalances."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor_stream.state.redis import open_store
from tests.stream.cluster import PARTITIONS, Cluster

pytestmark = pytest.mark.integration


@pytest.fixture
async def flow(cluster: Cluster) -> AsyncIterator[asyncio.Task[int]]:
    """Records that keep coming, for some seconds; the task's result is how many, of each topic."""

    async def produce() -> int:
        for start in range(0, 40_000, 2_000):
            numbers = range(start, start + 2_000)
            await asyncio.to_thread(cluster.produce, "predictions", numbers)
            await asyncio.to_thread(cluster.produce, "labels", numbers)
            await asyncio.sleep(0.1)
        return 40_000

    task = asyncio.create_task(produce())
    yield task
    await task


async def expect_all(cluster: Cluster, count: int) -> None:
    """Every number below `count` was observed once in each topic, and judge was told of each once."""
    await cluster.until_judged(2 * count)
    counted = await cluster.observed()
    total = count * (count - 1) // 2
    assert counted.records == {"predictions": count, "labels": count}
    assert counted.sums == {"predictions": total, "labels": total}
    assert await cluster.judged() == (2 * count, 0)


async def test_a_clean_end_and_a_restart_count_once(cluster: Cluster, tmp_path: Path) -> None:
    """SIGTERM ends a worker with code 0, all committed, lag 0; the next one reads nothing again."""
    cluster.produce("predictions", range(3_000))
    cluster.produce("labels", range(3_000))
    first = await cluster.worker(tmp_path).ready()
    await cluster.until_judged(6_000)
    code, health = await first.terminate()
    assert code == 0
    assert cluster.lag() == 0
    cluster.produce("predictions", range(3_000, 5_000))
    cluster.produce("labels", range(3_000, 5_000))
    second = await cluster.worker(tmp_path).ready()
    await expect_all(cluster, 5_000)
    code, later = await second.terminate()
    assert code == 0
    assert (health["skipped"], later["skipped"]) == (0, 0)
    for topic in (cluster.settings.topic("predictions"), cluster.settings.topic("labels")):
        assert health["consumed"][topic] + later["consumed"][topic] == 5_000


async def test_an_end_in_full_flight_counts_once(
    cluster: Cluster, tmp_path: Path, flow: asyncio.Task[int]
) -> None:
    """SIGTERM while records pour in ends a worker in time, and its heir completes the count."""
    first = await cluster.worker(tmp_path).ready()
    await cluster.until_observed(8_000)
    assert (await first.terminate())[0] == 0
    second = await cluster.worker(tmp_path).ready()
    await expect_all(cluster, await flow)
    assert (await second.terminate())[0] == 0


async def test_a_killed_worker_is_succeeded_exactly(
    cluster: Cluster, tmp_path: Path, flow: asyncio.Task[int]
) -> None:
    """SIGKILL in mid-stream: the worker that takes over makes totals exact."""
    for mark in (6_000, 20_000):
        worker = await cluster.worker(tmp_path).ready()
        await cluster.until_observed(mark)
        await worker.kill()
    last = await cluster.worker(tmp_path).ready()
    await expect_all(cluster, await flow)
    assert (await last.terminate())[0] == 0


async def test_workers_come_and_go_exactly(cluster: Cluster, tmp_path: Path, flow: asyncio.Task[int]) -> None:
    """A second worker joins, the first one leaves, a third one joins: two rebalances and more, totals exact."""
    first = await cluster.worker(tmp_path).ready()
    await cluster.until_observed(4_000)
    second = await cluster.worker(tmp_path).ready()
    await cluster.until_observed(16_000)
    assert (await first.terminate())[0] == 0
    third = await cluster.worker(tmp_path).ready()
    await expect_all(cluster, await flow)
    assert (await second.terminate())[0] == 0
    assert (await third.terminate())[0] == 0
    assert cluster.lag() == 0


async def test_a_stolen_claim_is_noticed_and_taken_back(cluster: Cluster, flow: asyncio.Task[int]) -> None:
    """Somebody else claims under a working worker: its commits are refused, it claims anew, and all is exact."""
    thief = await open_store(cluster.settings)
    try:
        async with cluster.working() as stats:
            await cluster.until_observed(4_000)
            for partition in range(PARTITIONS):
                await thief.claim("observe", partition, "thief")
            await thief.claim("judge", 0, "thief")
            await expect_all(cluster, await flow)
            assert stats.commits_refused >= PARTITIONS
    finally:
        await thief.close()
