"""Model specs come from the compacted topic: all before the folds start, then as they change."""

import asyncio

import pytest
from confluent_kafka import Producer

from monitor_stream.errors import TopicsError
from monitor_stream.events.codec import encode_json
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.settings import Settings
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.models import ModelFeed
from tests.servers import KafkaServer
from tests.stream.cluster import Cluster, until

pytestmark = pytest.mark.integration


def publish(settings: Settings, key: bytes, value: bytes | None) -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    producer.produce(settings.topic("models"), value, key)
    assert producer.flush(10) == 0


def spec(model: str, version: str, owner: str = "") -> bytes:
    return encode_json(ModelSpec(model=model, version=version, task="binary", owner=owner))


async def test_specs_are_there_before_the_start_and_follow(
    kafka: KafkaServer, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The topic is read to its end first; later specs, corrections and tombstones follow; a bad one is counted."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique, application=unique)
    Cluster(settings).create_topics({"models": 2})
    publish(settings, b"a/1", spec("a", "1", "first"))
    publish(settings, b"b/1", spec("b", "1"))
    publish(settings, b"a/1", spec("a", "1", "second"))
    specs, stats = Specs(), WorkerStats()
    feed = ModelFeed(settings, specs, stats)
    await feed.start()
    try:
        found = specs.find("a", "1")
        assert found is not None
        assert found.owner == "second"
        assert (len(specs), stats.specs) == (2, 2)
        publish(settings, b"a/1", b'{"model": "a", "version": "1", "task": "poetry"}')
        publish(settings, b"a/2", spec("a", "2"))
        publish(settings, b"b/1", None)
        await until(lambda: stats.spec_errors == 1 and specs.find("b", "1") is None and len(specs) == 2)
        assert specs.find("a", "1") == found
        assert "cannot be read, the one before stays in force" in caplog.text
    finally:
        await feed.stop()


async def test_an_empty_topic_is_read_at_once(kafka: KafkaServer, unique: str) -> None:
    """Without any spec the worker starts all the same."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique, application=unique)
    Cluster(settings).create_topics({"models": 1})
    specs = Specs()
    feed = ModelFeed(settings, specs, WorkerStats())
    await asyncio.wait_for(feed.start(), 10.0)
    await feed.stop()
    assert len(specs) == 0


async def test_a_topic_that_is_not_there_is_an_error(kafka: KafkaServer, unique: str) -> None:
    """A missing topic is a sentence with its name, not a wait without end."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique, application=unique)
    feed = ModelFeed(settings, Specs(), WorkerStats())
    with pytest.raises(TopicsError, match=settings.topic("models")):
        await feed.start()
    await feed.stop()
