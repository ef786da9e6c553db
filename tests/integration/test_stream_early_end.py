"""A worker that is asked to end before it has begun."""

import asyncio

import pytest

from monitor_stream.stream.worker import work
from tests.stream.cluster import Cluster
from tests.stream.counting import CountingJudge, CountingObserve


@pytest.mark.parametrize("tenths", range(0, 16, 2))
async def test_a_worker_can_be_stopped_while_it_starts(cluster: Cluster, tenths: int) -> None:
    """At whatever moment of its start a worker is told to end, it does, in time and without an error."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().call_later(tenths / 10, stopping.set)
    folds = {"observe": CountingObserve, "judge": CountingJudge}
    async with asyncio.timeout(20.0):
        await work(cluster.settings, stopping, folds=folds)  # type: ignore[arg-type]
