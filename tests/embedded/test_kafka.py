from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from monitor_stream.embedded import QUICK_RESTART, QUICK_START, Kafka, StartError
from monitor_stream.embedded.ports import is_free
from tests.servers import KafkaServer

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker this file may stop and crash."""
    with Kafka.start(
        tmp_path_factory.mktemp("own-kafka"), java_flags=QUICK_START, properties=QUICK_RESTART
    ) as kafka:
        yield kafka


def make_topic(bootstrap: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)]).values():
        future.result()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    producer.produce(topic, value)
    assert producer.flush(20) == 0


def consume(bootstrap: str, topic: str) -> bytes | None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def test_a_record_comes_back(kafka: KafkaServer, unique: str) -> None:
    """What an idempotent producer sends, a consumer group reads."""
    make_topic(kafka.bootstrap, unique)
    produce(kafka.bootstrap, unique, b"hello")
    assert consume(kafka.bootstrap, unique) == b"hello"


def test_no_topic_by_accident(own_kafka: Kafka) -> None:
    """A mistyped topic is an error, not a new topic."""
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": own_kafka.bootstrap, "message.timeout.ms": 3_000})
    producer.produce("mistyped", b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)
    assert len(errors) == 1
    assert errors[0] is not None
    assert "mistyped" not in AdminClient({"bootstrap.servers": own_kafka.bootstrap}).list_topics().topics


def test_restart_keeps_data_and_address(own_kafka: Kafka, unique: str) -> None:
    """An orderly restart and a crash both keep the records and the port."""
    make_topic(own_kafka.bootstrap, unique)
    produce(own_kafka.bootstrap, unique, b"kept")
    before = own_kafka.bootstrap

    own_kafka.restart()
    assert consume(own_kafka.bootstrap, unique) == b"kept"

    own_kafka.kill()
    assert not own_kafka.is_running
    own_kafka.restart()
    make_topic(own_kafka.bootstrap, f"{unique}-after")
    produce(own_kafka.bootstrap, f"{unique}-after", b"works")
    assert consume(own_kafka.bootstrap, f"{unique}-after") == b"works"
    assert own_kafka.bootstrap == before


def test_data_moves_to_another_start(tmp_path: Path) -> None:
    """A new start on an old directory serves its data, though the ports are new; stopping frees the ports."""
    with Kafka.start(tmp_path, heap="256m", java_flags=QUICK_START) as kafka:
        make_topic(kafka.bootstrap, "old")
        port = int(kafka.bootstrap.rpartition(":")[2])
    assert is_free(port)
    kafka.stop()  # harmless
    with Kafka.start(tmp_path, heap="256m", java_flags=QUICK_START) as kafka:
        assert "old" in AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics


def test_brokers_run_side_by_side(own_kafka: Kafka, kafka: KafkaServer) -> None:
    """Two brokers in two directories are two clusters."""
    ids = {
        AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).cluster_id
        for bootstrap in (own_kafka.bootstrap, kafka.bootstrap)
    }
    assert len(ids) == 2


def test_failure_shows_the_log(tmp_path: Path) -> None:
    """A broker that cannot start is an error that says what the broker said."""
    with pytest.raises(StartError, match=r"(?s)could not format.*num\.io\.threads"):
        Kafka.start(tmp_path, properties={"num.io.threads": "many"})


def test_slow_start_is_given_up(tmp_path: Path) -> None:
    """A broker that does not answer in time is killed and reported."""
    with pytest.raises(StartError, match=r"did not answer within 0\.1 s"):
        Kafka.start(tmp_path, start_seconds=0.1)
