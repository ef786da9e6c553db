"""One set of Kafka settings in the words of the two clients: librdkafka's options, and what aiokafka takes."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from monitor_stream.errors import SettingsError
from monitor_stream.settings import Settings


def confluent_config(settings: Settings, **more: Any) -> dict[str, Any]:
    """Options for a client of confluent-kafka; `more` are further ones, with underscores for dots.

    >>> confluent_config(Settings(), enable_idempotence=True)
    {'bootstrap.servers': '127.0.0.1:9092', 'enable.idempotence': True}
    """
    return {
        "bootstrap.servers": settings.bootstrap,
        **_security_options(settings),
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def _security_options(settings: Settings) -> dict[str, Any]:
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {}
    if protocol != "PLAINTEXT":
        options["security.protocol"] = protocol
    if protocol.startswith("SASL_"):
        options |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password,
        }
    if protocol.endswith("SSL"):
        files = {
            "ssl.ca.location": settings.kafka_ssl_ca,
            "ssl.certificate.location": settings.kafka_ssl_certificate,
            "ssl.key.location": settings.kafka_ssl_key,
            "ssl.key.password": settings.kafka_ssl_key_password,
        }
        options |= {name: value for name, value in files.items() if value}
        if not settings.kafka_ssl_check_hostname:
            options["ssl.endpoint.identification.algorithm"] = "none"
    return options


@dataclass(frozen=True)
class Security:
    """What aiokafka, and Faust above it, want to know: `ssl_context` without SSL and `username` without SASL are None."""

    protocol: str
    mechanism: str
    username: str | None
    password: str | None
    ssl_context: ssl.SSLContext | None

    @classmethod
    def of(cls, settings: Settings) -> Security:
        """Read the settings; raises `SettingsError` when a certificate cannot be read.

        >>> Security.of(Settings()).ssl_context is None
        True
        """
        protocol = settings.kafka_security_protocol
        has_login = protocol.startswith("SASL_")
        return cls(
            protocol=protocol,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_sasl_username if has_login else None,
            password=settings.kafka_sasl_password if has_login else None,
            ssl_context=_ssl_context(settings) if protocol.endswith("SSL") else None,
        )


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_ca or None)
        if settings.kafka_ssl_certificate:
            context.load_cert_chain(
                settings.kafka_ssl_certificate,
                settings.kafka_ssl_key,
                password=settings.kafka_ssl_key_password or None,
            )
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"A certificate or key that the kafka_ssl_ settings name cannot be read: {error}."
        ) from error
    context.check_hostname = settings.kafka_ssl_check_hostname
    return context
