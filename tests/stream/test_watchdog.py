"""A stuck worker ends; one that is idle, busy or knows what it waits for does not."""

import asyncio
import queue
import time

import pytest

from monitor_stream.settings import Settings
from monitor_stream.stream.watchdog import EXIT_CODE, Glance, Judgement, Watchdog
from tests.servers import KafkaServer
from tests.stream.cluster import Cluster


def judgement() -> Judgement:
    return Judgement(loop_seconds=10.0, progress_seconds=30.0)


def glance(now: float, progress: int = 1, waiting: int | None = 5, *, excused: bool = False) -> Glance:
    return Glance(turned=now, progress=progress, waiting=waiting, excused=excused)


def verdicts(glances: list[Glance], step: float = 10.0) -> list[str | None]:
    watch = judgement()
    return [watch.see(each, now=index * step) for index, each in enumerate(glances)]


def test_standing_still_before_waiting_records_is_stuck() -> None:
    """Records wait and none is applied for longer than the limit."""
    assert verdicts([glance(index * 10.0) for index in range(5)])[-2:] == [
        None,
        "no record was applied for 40 s, and 5 wait",
    ]


@pytest.mark.parametrize(
    "harmless",
    [
        {"waiting": 0},  # nothing to do
        {"waiting": None},  # Kafka does not tell: it is down, and we wait with it
        {"excused": True},  # the store is away
    ],
)
def test_standing_still_for_a_reason_is_not_stuck(harmless: dict[str, int | bool | None]) -> None:
    """A worker that has nothing to do, or that knows what it waits for, is let be."""
    assert not any(verdicts([glance(index * 10.0, **harmless) for index in range(20)]))  # type: ignore[arg-type]


def test_a_broker_that_tells_now_and_then_excuses_nothing() -> None:
    """Standing still adds up over the times at which Kafka tells that records wait."""
    told = [5, None] * 6
    assert any(verdicts([glance(index * 10.0, waiting=waiting) for index, waiting in enumerate(told)]))


def test_progress_begins_the_time_anew() -> None:
    """One applied batch is progress, however much still waits."""
    assert not any(verdicts([glance(index * 10.0, progress=index // 3) for index in range(20)]))


def test_a_loop_that_does_not_turn_is_stuck() -> None:
    """An event loop that has not turned for longer than the limit cannot be asked to stop."""
    assert (
        judgement().see(Glance(0.0, 1, 0, excused=False), now=11.0)
        == "the event loop has not turned for 11 s"
    )


def test_a_worker_that_grew_too_large_ends() -> None:
    """More memory than it may have ends a worker that is well otherwise; no bound is none."""
    large = Glance(turned=0.0, progress=1, waiting=0, excused=False, resident=3 << 30)
    bounded = Judgement(loop_seconds=10.0, progress_seconds=30.0, resident_limit=2 << 30)
    assert bounded.see(large, now=1.0) == "it has 3072 MiB of memory, and may have 2048"
    assert judgement().see(large, now=1.0) is None


async def test_the_thread_looks_at_the_memory_of_the_process() -> None:
    """The bound holds in the thread, with no broker to ask."""
    codes: queue.SimpleQueue[int] = queue.SimpleQueue()
    watchdog = Watchdog(
        Settings(bootstrap="127.0.0.1:1", max_resident_bytes=1),
        assigned=dict,
        progress=lambda: 0,
        excused=lambda: False,
        told=lambda _: None,
        end=codes.put,
        interval_seconds=0.05,
    )
    watchdog.start()
    assert await asyncio.to_thread(codes.get, timeout=20.0) == EXIT_CODE
    await watchdog.stop()


@pytest.mark.integration
async def test_the_thread_ends_a_worker_that_reads_nothing(kafka: KafkaServer, unique: str) -> None:
    """Kafka itself tells what waits: partitions that were assigned and never taken end the process."""
    cluster = Cluster(Settings(bootstrap=kafka.bootstrap, topic_prefix=unique))
    cluster.create_topics({"labels": 1})
    cluster.produce("labels", range(3))
    place = (cluster.settings.topic("labels"), 0)
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ends: dict[tuple[str, int], int] = {}
    watchdog = Watchdog(
        cluster.settings,
        assigned=lambda: {place: None},
        progress=lambda: 0,
        excused=lambda: False,
        told=ends.update,
        end=lambda code: ended.get_loop().call_soon_threadsafe(ended.set_result, code),
        interval_seconds=0.05,
        progress_seconds=0.2,
    )
    watchdog.start()
    assert await asyncio.wait_for(ended, 20.0) == EXIT_CODE
    await watchdog.stop()
    assert ends == {place: 3}


@pytest.mark.integration
async def test_the_thread_ends_a_worker_whose_loop_is_blocked(kafka: KafkaServer) -> None:
    """A loop that does not turn is seen from the thread."""
    codes: list[int] = []
    watchdog = Watchdog(
        Settings(bootstrap=kafka.bootstrap),
        assigned=dict,
        progress=lambda: 0,
        excused=lambda: False,
        told=lambda _: None,
        end=codes.append,
        interval_seconds=0.05,
        loop_seconds=0.3,
    )
    watchdog.start()
    time.sleep(1.0)  # noqa: ASYNC251  # to block the loop is the point
    await watchdog.stop()
    assert codes == [EXIT_CODE]
