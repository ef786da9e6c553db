"""Gaps in the log, as compaction leaves them: offsets that nobody will ever read, with nothing lost."""

from __future__ import annotations

import json
import time
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from loadtest.chaos.expect import Line
from loadtest.chaos.stream import START
from loadtest.chaos.world import StuckError, World

PARTITION: Final = 3
_KEYS: Final = 10
_VERSIONS: Final = 20
_PATIENCE_SECONDS: Final = 60.0

Lines = dict[tuple[str, int], list[Line]]


def compacted(world: World) -> Lines:
    """Write many predictions under few keys, let Kafka compact them; what is left, by (topic role, partition)."""
    world.configure(
        "predictions",
        {"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01"},
    )
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap, "enable.idempotence": True})
    for number in range(_KEYS * _VERSIONS):
        _write(producer, number)
        if number % 50 == 0:
            producer.flush()
    producer.flush()
    # By its time stamp this one opens a new segment: compaction leaves the open one alone.
    _write(producer, _KEYS * _VERSIONS, later=5.0)
    producer.flush()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(lines := _read(world)) > 2 * _KEYS:
        if time.monotonic() > deadline:
            raise StuckError("Kafka did not compact")
        time.sleep(0.2)
    world.configure("predictions", {"cleanup.policy": "delete", "segment.ms": "604800000"})
    assert lines == _read(world), "Kafka went on compacting"
    return {("predictions", PARTITION): lines}


def _write(producer: Producer, number: int, later: float = 0.0) -> None:
    time_ = START - 10.0 + number / 1000 + later
    event = {
        "model": "demand",
        "prediction_id": f"gap-{number}",
        "timestamp": time_,
        "prediction": 1.0,
        "segments": {"shop": "1"},
    }
    producer.produce(
        "monitor.predictions",
        json.dumps(event).encode(),
        f"key-{number % _KEYS}",
        partition=PARTITION,
        timestamp=round(time_ * 1000),
    )


def _read(world: World) -> list[Line]:
    consumer = Consumer({"bootstrap.servers": world.kafka.bootstrap, "group.id": "gaps"})
    try:
        consumer.assign([TopicPartition("monitor.predictions", PARTITION, 0)])
        end = world.ends("predictions")[PARTITION]
        lines: list[Line] = []
        while not lines or lines[-1].offset < end - 1:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                lines.append(Line(message.offset() or 0, message.timestamp()[1] / 1000, message.value()))
        return lines
    finally:
        consumer.close()
