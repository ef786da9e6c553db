"""A broker that asks for a login: every client of a worker gives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from monitor_stream.embedded import Kafka
from monitor_stream.settings import Settings
from tests.servers import ValkeyServer
from tests.stream.cluster import Cluster

pytestmark = pytest.mark.integration

LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="worker" password="open sesame" user_worker="open sesame";'
)


class GuardedKafka(Kafka):
    """A broker that answers to those who log in."""

    def answers(self) -> bool:
        try:
            login = {"sasl.mechanism": "PLAIN", "sasl.username": "worker", "sasl.password": "open sesame"}
            admin = AdminClient(
                {
                    "bootstrap.servers": self.bootstrap,
                    "security.protocol": "SASL_PLAINTEXT",
                    "log_level": 0,
                    **login,
                }
            )
            return bool(admin.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedKafka]:
    properties = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.plaintext.plain.sasl.jaas.config": LOGIN,
    }
    with GuardedKafka.start(tmp_path, properties=properties) as kafka:
        yield kafka


async def test_a_worker_logs_in(guarded: GuardedKafka, valkey: ValkeyServer, unique: str) -> None:
    """With the login in the settings, reading, publishing, specs and the watchdog all get through."""
    cluster = Cluster(
        Settings(
            bootstrap=guarded.bootstrap,
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_username="worker",
            kafka_sasl_password="open sesame",
            redis=valkey.url,
            application=unique,
            commit_interval_seconds=0.2,
            session_timeout_seconds=6.0,
        )
    )
    cluster.create_topics()
    cluster.produce("labels", range(100))
    async with cluster.working():
        await cluster.until_judged(100)
    assert (await cluster.observed()).records["labels"] == 100
