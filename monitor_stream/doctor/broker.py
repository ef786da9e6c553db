"""Kafka: there, with topics that fit, and specs that read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Final

from monitor_stream.doctor.finding import Finding, fail, ok, warn
from monitor_stream.errors import BrokerError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.topics import Plan, diff, existing
from monitor_stream.topics.cluster import Cluster
from monitor_stream.topics.plan import PAIR, Existing
from monitor_stream.topics.registry import Registry, read_specs

#: A record may be so far ahead of our clock before the sender's clock is suspect.
AHEAD_SECONDS: Final = 60.0
APPLY: Final = "Run: monitor-stream topics apply"


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Check the cluster, its topics, the clocks of those who write to it, and the specs. Without it, nothing else."""
    try:
        started = time.monotonic()
        there = existing(settings)
        yield ok("kafka", f"{settings.bootstrap} answers in {(time.monotonic() - started) * 1000:.0f} ms")
    except BrokerError as error:
        yield fail(
            "kafka", str(error), "Start Kafka, or say where it is: --bootstrap, MONITOR_STREAM_BOOTSTRAP"
        )
        return
    yield _topics(settings, there, diff(settings))
    yield _pair(there)
    senders = Cluster(settings).newest_timestamps(settings.topic(role) for role in PAIR)
    yield _senders(senders, time.time())
    if "models" in there:
        yield _specs(read_specs(settings))


def _topics(settings: Settings, there: Mapping[Topic, Existing], plan: Plan) -> Finding:
    if missing := [change.topic for change in plan.changes if change.kind == "create"]:
        return fail("topics", f"missing: {', '.join(missing)}", APPLY)
    if plan.changes or plan.impossible:
        different = [f"{change.topic} {change.setting} {change.before}" for change in plan.changes]
        return warn(
            "topics",
            "not as declared: " + "; ".join([*different, *plan.impossible]),
            "See: monitor-stream topics diff",
        )
    return ok("topics", f"{len(there)} topics under {settings.topic_prefix}, as declared")


def _pair(there: Mapping[Topic, Existing]) -> Finding:
    counts = [there[role].partitions if role in there else 0 for role in PAIR]
    found = " and ".join(f"{role} {count}" for role, count in zip(PAIR, counts, strict=True))
    if counts[0] != counts[1]:
        return fail(
            "partitions", found, f"Make them equal: monitor-stream topics apply --partitions {max(counts)}"
        )
    return ok("partitions", found)


def _senders(newest: Mapping[str, float], now: float) -> Finding:
    ahead = {topic: moment - now for topic, moment in newest.items() if moment - now > AHEAD_SECONDS}
    if ahead:
        found = ", ".join(f"{topic} holds a record {seconds:.0f} s ahead" for topic, seconds in ahead.items())
        return warn(
            "senders' clocks", found, "Set the clock of the service that sends, or of this machine (NTP)."
        )
    if not newest:
        return ok("senders' clocks", "no events yet")
    age = now - max(newest.values())
    return ok("senders' clocks", f"newest event came {age:.0f} s ago")


def _specs(registry: Registry) -> Finding:
    found = f"{len(registry.specs)} in force"
    if registry.unreadable:
        wrong = "; ".join(f"{key}: {reason}" for key, reason in registry.unreadable.items())
        return warn(
            "model specs",
            f"{found}; cannot be read: {wrong}",
            "Publish them again: monitor-stream models apply",
        )
    return ok("model specs", found if registry.specs else "none; models are monitored without")
