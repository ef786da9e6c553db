import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from monitor_stream import topics
from monitor_stream.errors import BrokerError, SpecError, TopicsError
from monitor_stream.events.spec import ModelSpec
from monitor_stream.settings import Settings
from monitor_stream.topics.cluster import Cluster
from monitor_stream.topics.registry import publish_spec, read_specs, remove_spec
from tests.servers import KafkaServer

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(kafka: KafkaServer, unique: str) -> Settings:
    return Settings(bootstrap=kafka.bootstrap, topic_prefix=unique, application=unique)


def send(settings: Settings, topic: str, value: bytes, key: str = "k") -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    producer.produce(topic, key=key, value=value)
    assert producer.flush(10) == 0


def test_topics_are_made_as_declared_and_once(settings: Settings) -> None:
    """Applied to an empty cluster all topics come to be, with their configuration; applied again nothing happens."""
    first = topics.apply(settings)
    assert {change.kind for change in first.changes} == {"create"}
    assert len(first.changes) == 8
    assert topics.apply(settings).is_empty
    there = topics.existing(settings)
    for role, declaration in topics.declarations().items():
        assert there[role].partitions == declaration.partitions
        assert {name: there[role].config[name] for name in declaration.config} == {
            name: str(value) for name, value in declaration.config.items()
        }
    assert topics.check(settings)["predictions"] == 4


def test_configuration_that_differs_is_put_right(settings: Settings) -> None:
    """A topic that was altered by hand is as declared again; what is not declared stays."""
    topics.apply(settings)
    name = settings.topic("predictions")
    Cluster(settings).configure(name, {"retention.ms": "1000", "segment.ms": "3600000"})
    assert [(change.setting, change.before) for change in topics.apply(settings).changes] == [
        ("retention.ms", "1000")
    ]
    assert topics.existing(settings)["predictions"].config["segment.ms"] == "3600000"


def test_shorter_retention_needs_a_word(settings: Settings) -> None:
    """Records that are kept longer than declared are not deleted unless that is allowed, and nothing else is done."""
    topics.apply(settings)
    name = settings.topic("labels")
    Cluster(settings).configure(name, {"retention.ms": "-1", "compression.type": "gzip"})
    with pytest.raises(
        TopicsError, match=r"would keep less: retention.ms from -1 to 604800000.*--allow-destructive"
    ):
        topics.apply(settings)
    assert topics.existing(settings)["labels"].config["compression.type"] == "gzip"
    topics.apply(settings, destructive=True)
    assert topics.existing(settings)["labels"].config["retention.ms"] == "604800000"


def test_growing_needs_a_word_once_there_are_records(settings: Settings) -> None:
    """Empty topics grow freely; with records in them only when that is allowed; they never shrink."""
    topics.apply(settings, partitions=1)
    topics.apply(settings, partitions=2)
    assert topics.check(settings)["labels"] == 2
    send(settings, settings.topic("labels"), b"{}")
    with pytest.raises(TopicsError, match="labels holds 1 records: with 3 partitions in place of 2"):
        topics.apply(settings, partitions=3)
    topics.apply(settings, partitions=3, destructive=True)
    assert topics.check(settings)["predictions"] == 3
    with pytest.raises(TopicsError, match="Kafka cannot take any away"):
        topics.apply(settings, partitions=2, destructive=True)


def test_unequal_partition_counts_are_refused(settings: Settings) -> None:
    """Neither `apply` nor a worker accepts predictions and labels that cannot meet."""
    Cluster(settings).create(settings.topic("predictions"), partitions=6, replication=None, config={})
    with pytest.raises(TopicsError, match=r"predictions has 6 partitions and .*labels 4"):
        topics.apply(settings)
    assert list(topics.existing(settings)) == ["predictions"]
    topics.apply(settings, partitions=6)
    Cluster(settings).add_partitions(settings.topic("labels"), 7)
    with pytest.raises(TopicsError, match="labels 7"):
        topics.check(settings)


def test_missing_topics_are_named(settings: Settings) -> None:
    """A worker without topics says which are missing and which command makes them."""
    with pytest.raises(TopicsError, match=rf"has no topic {settings.topic('predictions')}, .*topics apply"):
        topics.check(settings)


def test_too_many_copies_for_the_cluster_are_refused(settings: Settings) -> None:
    """What the broker refuses becomes a sentence with the address and the broker's reason."""
    with pytest.raises(BrokerError, match=rf"Kafka at {settings.bootstrap} would not create .*: .+"):
        topics.apply(settings, replication=99)


def test_a_spec_is_published_replaced_and_removed(settings: Settings) -> None:
    """The newest spec of a model and version counts; a tombstone ends it; others stay."""
    topics.apply(settings)
    assert read_specs(settings).specs == {}
    first, second = ModelSpec(model="m", task="binary"), ModelSpec(model="m", task="regression")
    other = ModelSpec(model="m", version="2/b", task="binary")
    for spec in (first, other, second):
        publish_spec(settings, spec)
    assert read_specs(settings).specs == {"m/0": second, "m/2/b": other}
    remove_spec(settings, "m", "0")
    assert read_specs(settings).specs == {"m/2/b": other}
    with pytest.raises(SpecError, match="There is no spec m/0"):
        remove_spec(settings, "m", "0")


def test_an_unreadable_spec_hides_no_other(settings: Settings) -> None:
    """A record that is no spec is reported with its key and reason; a later good one takes its place."""
    topics.apply(settings)
    send(settings, settings.topic("models"), b'{"model": "m"}')
    publish_spec(settings, ModelSpec(model="good", task="binary"))
    registry = read_specs(settings)
    assert list(registry.specs) == ["good/0"]
    assert "task" in registry.unreadable["k"]


def test_an_unreadable_record_leaves_the_spec_before_in_force(settings: Settings) -> None:
    """As in a worker: a mistake is reported, and does not take away what worked."""
    topics.apply(settings)
    spec = ModelSpec(model="m", task="binary")
    publish_spec(settings, spec)
    send(settings, settings.topic("models"), b"oops", key="m/0")
    registry = read_specs(settings)
    assert registry.specs == {"m/0": spec}
    assert list(registry.unreadable) == ["m/0"]


def test_specs_without_a_topic_are_a_sentence(settings: Settings) -> None:
    """Reading specs before the topics were made says what is wrong."""
    with pytest.raises(BrokerError, match=r"models: .*Unknown topic"):
        read_specs(settings)


@pytest.mark.parametrize(
    ("call", "address", "reason"),
    [
        (topics.check, "127.0.0.1:1", "refused"),
        (topics.apply, "no-such-host.invalid:9092", "resolve"),
        (read_specs, "127.0.0.1:1", "refused"),
    ],
)
def test_an_absent_broker_is_one_sentence_soon(
    call: Callable[[Settings], object], address: str, reason: str
) -> None:
    """Within seconds, with the address tried and the reason."""
    started = time.monotonic()
    with pytest.raises(BrokerError, match=rf"Kafka at {address}.*{reason}"):
        call(Settings(bootstrap=address))
    assert time.monotonic() - started < 10
