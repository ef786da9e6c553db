"""Every setting of monitor-stream, described once; the reference page is made from here."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from monitor_stream.events.fold import Limits, Topic

#: Marks a setting that is never printed; a secret inside a URL is cut out of it.
SECRET: Final[dict[str, Any]] = {"secret": True}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frozen object, handed to whoever needs it."""

    bootstrap: Annotated[str, Meta(description="Kafka brokers, host:port, separated by commas.")] = (
        "127.0.0.1:9092"
    )
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="How to talk to the brokers; managed clusters mostly want SASL_SSL."),
    ] = "PLAINTEXT"
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Meta(description="How to log in, with SASL.")
    ] = "PLAIN"
    kafka_sasl_username: Annotated[str, Meta(description="User name, or API key, with SASL.")] = ""
    kafka_sasl_password: Annotated[
        str, Meta(description="Password, or API secret, with SASL.", extra=SECRET)
    ] = ""
    kafka_ssl_ca: Annotated[
        str,
        Meta(
            description="PEM file of the authority that signed the brokers' certificates; else the system's."
        ),
    ] = ""
    kafka_ssl_certificate: Annotated[
        str, Meta(description="PEM file of our own certificate, where brokers ask for one.")
    ] = ""
    kafka_ssl_key: Annotated[str, Meta(description="PEM file of our certificate's private key.")] = ""
    kafka_ssl_key_password: Annotated[
        str, Meta(description="Password of the private key, if it has one.", extra=SECRET)
    ] = ""
    kafka_ssl_check_hostname: Annotated[
        bool, Meta(description="Whether a broker's certificate must bear the name it was reached by.")
    ] = True
    redis: Annotated[
        str,
        Meta(
            description="URL of the Redis or Valkey server: redis://, or rediss:// for TLS, with user and password.",
            extra=SECRET,
        ),
    ] = "redis://127.0.0.1:6379/0"
    application: Annotated[
        str,
        Meta(
            description="Names the consumer group and the keys in Redis.", pattern=r"^[A-Za-z0-9._-]{1,100}$"
        ),
    ] = "monitor-stream"
    topic_prefix: Annotated[
        str, Meta(description="First part of every topic's name.", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    ] = "monitor"
    host: Annotated[str, Meta(description="Address the server listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port of the server; 0 takes a free one.", ge=0, le=65535)] = 8000
    read_only: Annotated[
        bool,
        Meta(
            description="Whether the server only answers: nobody can acknowledge or silence an incident through it."
        ),
    ] = False
    worker_port: Annotated[
        int, Meta(description="Port of a worker's own metrics and health.", ge=0, le=65535)
    ] = 8001
    commit_interval_seconds: Annotated[float, Meta(gt=0.0, description="Time between two commits.")] = 1.0
    session_timeout_seconds: Annotated[
        float, Meta(gt=0.0, description="How long Kafka waits for a silent worker before others take over.")
    ] = 20.0
    restore_timeout_seconds: Annotated[
        float,
        Meta(
            gt=0.0, description="A claim that takes longer ends the process, so that another worker can try."
        ),
    ] = 60.0
    ready_lag_seconds: Annotated[
        float, Meta(gt=0.0, description="How far behind a worker may read and still be ready (`/readyz`).")
    ] = 30.0
    max_models: Annotated[int, Meta(ge=1, description="Model versions one partition follows.")] = 1000
    max_pending: Annotated[
        int, Meta(ge=1, description="Predictions one partition keeps waiting for a label.")
    ] = 5_000_000
    max_resident_bytes: Annotated[
        int,
        Meta(
            ge=0, description="A worker with more memory than this ends, to be started again; 0 is no bound."
        ),
    ] = 0
    max_record_bytes: Annotated[int, Meta(ge=1024, description="A larger record is a dead letter.")] = 1 << 20
    poison_attempts: Annotated[
        int, Meta(ge=1, description="How often one record may crash a worker before it is a dead letter.")
    ] = 3
    idle_timeout_seconds: Annotated[
        float,
        Meta(
            gt=0.0,
            description="A source read to its end and silent for so long no longer holds the clock back.",
        ),
    ] = 60.0
    revision_interval_seconds: Annotated[
        float, Meta(ge=0.0, description="The least time between two publications of one window.")
    ] = 30.0
    max_exported_models: Annotated[
        int, Meta(ge=1, description="Models on `/metrics`; further ones are left out, and that is counted.")
    ] = 200
    max_exported_versions: Annotated[
        int, Meta(ge=1, description="Versions of one model on `/metrics`: those with the newest predictions.")
    ] = 10
    max_exported_segments: Annotated[
        int,
        Meta(ge=1, description="Segment values of one version on `/metrics`; the rest is `__other__`."),
    ] = 50
    max_exported_features: Annotated[
        int, Meta(ge=1, description="Features of one version on `/metrics`; the rest is `__other__`.")
    ] = 20

    @property
    def limits(self) -> Limits:
        """What bounds the folds."""
        return Limits(
            max_models=self.max_models,
            max_pending=self.max_pending,
            max_record_bytes=self.max_record_bytes,
            idle_timeout_seconds=self.idle_timeout_seconds,
            revision_interval_seconds=self.revision_interval_seconds,
        )

    def topic(self, role: Topic) -> str:
        """The name of a topic on the broker.

        >>> Settings().topic("predictions")
        'monitor.predictions'
        """
        return f"{self.topic_prefix}.{role}"
