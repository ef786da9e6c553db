"""Checks at start that the stream engine is the one this package was made for.

The batch transport overrides and calls names of Faust and aiokafka that are theirs to change. Each is listed here, and
a worker that does not find one stops with a sentence before it has read a record.
"""

# ruff: noqa: SLF001  # private names are what this file is about

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState
from faust.app.base import App, BootStrategy
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver

from monitor_stream.errors import EngineError

#: Package → the versions read line by line when this was written.
VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "faust-streaming": ("0.15.3",),
    "mode-streaming": ("0.7.1",),
    "aiokafka": ("0.13", "0.14"),
}

#: Class → methods and properties we override or call.
MEMBERS: Final[Mapping[type[Any], tuple[str, ...]]] = {
    App: ("_new_transport", "_create_directories"),
    PartitionAssignor: ("_perform_assignment",),
    BootStrategy: ("enable_web", "enable_kafka_producer"),
    driver.Transport: ("Consumer",),
    driver.Consumer: (
        "_new_consumer_thread",
        "_drain_messages",
        "_get_active_partitions",
        "on_buffer_full",
        "on_buffer_drop",
        "perform_seek",
        "seek_wait",
        "assignment",
    ),
    driver.AIOKafkaConsumerThread: (
        "_create_worker_consumer",
        "_ensure_consumer",
        "_fetch_records",
        "call_thread",
        "on_thread_stop",
    ),
    AIOKafkaConsumer: ("beginning_offsets", "end_offsets", "commit", "assignment"),
    AIOKafkaClient: ("_wait_on_metadata",),
    Fetcher: ("_create_fetch_waiter",),
    Assignment: ("state_value",),
    TopicPartitionState: ("position", "has_valid_position"),
    PartitionRecords: ("_consumer_record",),
}

#: Function → names in its code that we rely on: attributes it makes, methods it calls.
NAMES: Final[tuple[tuple[Any, tuple[str, ...]], ...]] = (
    (faust_consumer.Consumer.__init__, ("can_resume_flow", "callback")),
    (faust_consumer.Fetcher._fetcher.fun, ("_drain_messages",)),
    (driver.ConsumerRebalanceListener.on_partitions_assigned, ("consumer_generation_id",)),
    (Recovery._resume_streams, ("perform_seek", "resume_flow", "on_rebalance_complete")),
    (driver.AIOKafkaConsumerThread._fetch_records, ("fetched_records", "flow_active")),
    (Fetcher.__init__, ("_records",)),
    (FetchResult.__init__, ("_partition_records",)),
    (PartitionRecords._unpack_records, ("_consumer_record",)),
    (TopicPartitionState.__init__, ("lso", "timestamp")),
    (AIOKafkaConsumer.__init__, ("_subscription", "_client")),
    (AIOKafkaConsumer.start, ("_fetcher", "_isolation_level")),
)


def check_engine() -> None:
    """Raise `EngineError` when a version or a name is not what the transport was written against."""
    if problems := list(_problems()):
        raise EngineError(
            f"This version of monitor-stream cannot run on the stream engine installed: {'; '.join(problems)}. "
            "Install the versions it asks for: pip install --force-reinstall monitor-stream."
        )


def _problems() -> Iterator[str]:
    for package, known in VERSIONS.items():
        found = version(package)
        if not any(found == each or found.startswith(f"{each}.") for each in known):
            yield f"{package} is {found}, known are {', '.join(known)}"
    for owner, members in MEMBERS.items():
        for member in members:
            if not hasattr(owner, member):
                yield f"{owner.__module__}.{owner.__qualname__} has no {member}"
    for function, names in NAMES:
        code = inspect.unwrap(function).__code__
        for name in names:
            if name not in code.co_names:
                yield f"{function.__module__}.{function.__qualname__} does not use {name}"
