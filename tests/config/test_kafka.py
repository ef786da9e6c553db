import ssl
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from monitor_stream.config import Security, confluent_config
from monitor_stream.errors import SettingsError
from monitor_stream.settings import Settings

CLOUD = Settings(
    bootstrap="broker:9092",
    kafka_security_protocol="SASL_SSL",
    kafka_sasl_mechanism="SCRAM-SHA-512",
    kafka_sasl_username="user",
    kafka_sasl_password="secret",
)


def test_a_plain_cluster_gets_no_security_options() -> None:
    """By default nothing but the address is told to the clients."""
    assert confluent_config(Settings()) == {"bootstrap.servers": "127.0.0.1:9092"}
    assert Security.of(Settings()) == Security("PLAINTEXT", "PLAIN", None, None, None)


def test_a_managed_cluster_is_told_to_both_clients_alike() -> None:
    """User, password and TLS come to librdkafka and to aiokafka from the same settings."""
    options = confluent_config(CLOUD)
    assert options["security.protocol"] == "SASL_SSL"
    assert (options["sasl.mechanism"], options["sasl.username"], options["sasl.password"]) == (
        "SCRAM-SHA-512",
        "user",
        "secret",
    )
    security = Security.of(CLOUD)
    assert (security.mechanism, security.username, security.password) == ("SCRAM-SHA-512", "user", "secret")
    assert security.ssl_context is not None
    assert security.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert security.ssl_context.check_hostname


def test_librdkafka_knows_every_option() -> None:
    """The names and values are those of the library: it takes them without complaint."""
    AdminClient({**confluent_config(CLOUD), "log_level": 0})


def test_the_hostname_may_go_unchecked_but_not_the_certificate() -> None:
    """Switching off the check of names leaves the check of signatures on."""
    settings = Settings(kafka_security_protocol="SSL", kafka_ssl_check_hostname=False)
    assert confluent_config(settings)["ssl.endpoint.identification.algorithm"] == "none"
    context = Security.of(settings).ssl_context
    assert context is not None
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_certificate_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """A path that leads nowhere and a file that is none are errors of the settings."""
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate", encoding="utf-8")
    for path in (broken, tmp_path / "nowhere.pem"):
        with pytest.raises(SettingsError, match="cannot be read"):
            Security.of(Settings(kafka_security_protocol="SSL", kafka_ssl_ca=str(path)))
