"""What Kafka may bring: any codec, transactions, a topic at its end; and what a worker says of servers not there."""

from typing import get_args

import pytest
import redis
from confluent_kafka import Producer

from monitor_stream.embedded.ports import free_ports
from monitor_stream.errors import BrokerError, SchemaError, StoreError, TopicsError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from tests.servers import ValkeyServer
from tests.stream.cluster import PARTITIONS, Cluster, until

pytestmark = pytest.mark.integration


async def test_every_codec_is_read(cluster: Cluster) -> None:
    """Records come through, whichever codec a producer chose."""
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    for index, codec in enumerate(codecs):
        cluster.produce("predictions", range(100 * index, 100 * index + 100), compression=codec)
    async with cluster.working():
        await cluster.until_judged(500)
    assert (await cluster.observed()).sums["predictions"] == sum(range(500))


async def test_aborted_transactions_do_not_count(cluster: Cluster) -> None:
    """Only what was committed is read, and a topic that ends in a transaction mark is read to its end."""
    bootstrap = cluster.settings.bootstrap
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": cluster.settings.application})
    producer.init_transactions()
    for ends, numbers in ((True, range(50)), (False, range(1_000, 1_050)), (True, range(50, 80))):
        producer.begin_transaction()
        for number in numbers:
            producer.produce(cluster.settings.topic("labels"), b"%d" % number, b"%d" % number)
        producer.flush()
        (producer.commit_transaction if ends else producer.abort_transaction)()
    async with cluster.working() as stats:
        await cluster.until_judged(80)
        await until(lambda: not any(stats.snapshot().lag.values()))
    counted = await cluster.observed()
    assert counted.sums["labels"] == sum(range(80))
    assert "labels" in counted.ended


async def test_the_end_of_a_topic_is_told_again(cluster: Cluster) -> None:
    """While nothing comes, the folds hear every second or two that nothing does: silence is what was listened to."""
    cluster.produce("labels", range(10))
    async with cluster.working() as stats:
        await cluster.until_judged(10)

        def applied() -> int:
            return sum(stats.snapshot().batch_seconds["observe"].counts)

        before = applied()
        await until(lambda: applied() >= before + 3 * 2 * PARTITIONS)


async def test_kafka_that_is_away_is_named(valkey: ValkeyServer) -> None:
    """Without Kafka the sentence says which address was tried."""
    (port,) = free_ports(1)
    with pytest.raises(BrokerError, match=f"127.0.0.1:{port}"):
        async with Cluster(Settings(bootstrap=f"127.0.0.1:{port}", redis=valkey.url)).working():
            pass


async def test_a_store_that_is_away_is_named(cluster: Cluster) -> None:
    """Without Redis the sentence says which address was tried."""
    (port,) = free_ports(1)
    cluster.settings = Settings(
        bootstrap=cluster.settings.bootstrap,
        topic_prefix=cluster.settings.topic_prefix,
        redis=f"redis://:secret@127.0.0.1:{port}/0",
    )
    with pytest.raises(StoreError, match=f"127.0.0.1:{port}") as raised:
        async with cluster.working():
            pass
    assert "secret" not in str(raised.value)


async def test_state_of_another_version_ends_the_worker(cluster: Cluster) -> None:
    """State that this version cannot read is a sentence at start, not a worker that sits on its partitions."""
    with redis.Redis.from_url(cluster.settings.redis) as client:
        client.hset(f"{{{cluster.settings.application}:judge:1}}:state", "@schema", "99")
    with pytest.raises(SchemaError, match=r"judge, partition 1.*schema 99"):
        async with cluster.working():
            pass


async def test_topics_that_are_missing_are_named(bare_cluster: Cluster) -> None:
    """Without topics the sentence names them, and the command that makes them."""
    bare_cluster.create_topics({"predictions": 2, "labels": 2})
    with pytest.raises(TopicsError, match=r"deltas.*topics apply"):
        async with bare_cluster.working():
            pass


async def test_unequal_partition_counts_are_refused(bare_cluster: Cluster) -> None:
    """Predictions and labels with different partition counts never meet: the worker does not start."""
    others: dict[Topic, int] = dict.fromkeys(get_args(Topic), 1)
    bare_cluster.create_topics(others | {"predictions": 2, "labels": 3, "deltas": 2})
    with pytest.raises(TopicsError, match=r"2 partitions and .* 3: "):
        async with bare_cluster.working():
            pass
