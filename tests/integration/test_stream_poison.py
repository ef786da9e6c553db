"""Records that crash a worker on real servers, and a supervisor that starts it again."""

import asyncio
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from monitor_stream.config import confluent_config
from tests.stream.cluster import PARTITIONS, Cluster

pytestmark = pytest.mark.integration


def letters(cluster: Cluster) -> set[bytes]:
    """The dead letters there are: topic and offset."""
    topic = cluster.settings.topic("deadletters")
    consumer = Consumer(
        {**confluent_config(cluster.settings), "group.id": "letters", "enable.partition.eof": False}
    )
    places = [TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)]
    ends = [consumer.get_watermark_offsets(place, timeout=10.0)[1] for place in places]
    consumer.assign(places)
    messages = consumer.consume(sum(ends), timeout=10.0)
    consumer.close()
    return {message.value() or b"" for message in messages}


async def supervise(cluster: Cluster, directory: Path, count: int) -> list[int]:
    """Start workers again until so many records are judged, then end the last one; the exit codes of those that died."""
    codes: list[int] = []
    deadline = time.monotonic() + 120.0
    worker = cluster.worker(directory)
    while (await cluster.judged())[0] < count:
        assert time.monotonic() < deadline, worker.log.read_text()
        if (code := worker.code()) is not None:
            codes.append(code)
            worker = cluster.worker(directory)
        await asyncio.sleep(0.05)
    assert (await worker.terminate())[0] == 0
    return codes


@pytest.mark.parametrize(
    ("mark", "deaths"),
    [(b"raise", []), (b"untellable", []), (b"end", [9])],
    ids=["raise", "untellable", "end"],
)
async def test_a_record_that_crashes_a_worker_is_set_aside(
    cluster: Cluster, tmp_path: Path, mark: bytes, deaths: list[int]
) -> None:
    """Whether it raises, spoils what the fold has to tell, or ends the process: it alone is a dead letter."""
    cluster.produce("predictions", range(2_000))
    cluster.produce("labels", range(1_000))
    cluster.produce("labels", [], values=[mark])
    cluster.produce("labels", range(1_000, 2_000))
    codes = await supervise(cluster, tmp_path, 4_000)
    assert set(codes) == set(deaths)
    assert len(codes) <= 3 + cluster.settings.poison_attempts
    counted = await cluster.observed()
    assert counted.records == {"predictions": 2_000, "labels": 2_000}
    assert counted.sums == {"predictions": sum(range(2_000)), "labels": sum(range(2_000))}
    assert await cluster.judged() == (4_000, 0)
    ((offset,),) = [offsets["labels"] for offsets in await cluster.poison() if offsets]
    assert letters(cluster) == {b"labels %d" % offset}
    assert cluster.lag() == 0
