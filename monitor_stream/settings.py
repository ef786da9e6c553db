"""Every setting of monitor-stream, described once; the reference page is made from here."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from monitor_stream.events.fold import Limits, Topic


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frozen object, handed to whoever needs it."""

    bootstrap: Annotated[str, Meta(description="Kafka brokers, host:port, separated by commas.")] = (
        "127.0.0.1:9092"
    )
    redis: Annotated[str, Meta(description="URL of the Redis or Valkey server.")] = "redis://127.0.0.1:6379/0"
    application: Annotated[
        str,
        Meta(description="Names the consumer group and the keys in Redis.", pattern=r"^[A-Za-z0-9._-]{1,100}$"),
    ] = "monitor-stream"
    topic_prefix: Annotated[
        str, Meta(description="First part of every topic's name.", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    ] = "monitor"
    host: Annotated[str, Meta(description="Address the server listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port of the server; 0 takes a free one.", ge=0, le=65535)] = 8000
    worker_port: Annotated[int, Meta(description="Port of a worker's own metrics and health.", ge=0, le=65535)] = (
        8001
    )
    commit_interval_seconds: Annotated[float, Meta(gt=0.0, description="Time between two commits.")] = 1.0
    session_timeout_seconds: Annotated[
        float, Meta(gt=0.0, description="How long Kafka waits for a silent worker before others take over.")
    ] = 20.0
    restore_timeout_seconds: Annotated[
        float,
        Meta(gt=0.0, description="A claim that takes longer ends the process, so that another worker can try."),
    ] = 60.0
    max_models: Annotated[int, Meta(ge=1, description="Model versions one partition follows.")] = 1000
    max_pending: Annotated[int, Meta(ge=1, description="Predictions one partition keeps waiting for a label.")] = (
        5_000_000
    )
    max_record_bytes: Annotated[int, Meta(ge=1024, description="A larger record is a dead letter.")] = 1 << 20
    idle_timeout_seconds: Annotated[
        float, Meta(gt=0.0, description="A source silent for so long no longer holds the clock back.")
    ] = 60.0
    revision_interval_seconds: Annotated[
        float, Meta(ge=0.0, description="The least time between two publications of one window.")
    ] = 30.0

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
