"""Gaps in the log, as compaction leaves them: offsets that nobody will ever read, with nothing lost."""

from __future__ import annotations

import json
import time
from typing import Final

from confluent_kafka import Producer

from loadtest.chaos.log import read_lines
from loadtest.chaos.stream import START, Record
from loadtest.chaos.world import StuckError, World

PARTITION: Final = 3
_KEYS: Final = 10
_VERSIONS: Final = 20
_PATIENCE_SECONDS: Final = 150.0


def compacted(world: World) -> list[Record]:
    """Write many predictions under few keys, and let Kafka compact them. Returns all that was written."""
    world.configure(
        "predictions",
        {"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01"},
    )
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap, "enable.idempotence": True})
    written = []
    for number in range(_KEYS * _VERSIONS):
        written.append(_write(producer, number))
        if number % 50 == 0:
            producer.flush()
    producer.flush()
    # By its time stamp this one opens a new segment: compaction leaves the open one alone.
    written.append(_write(producer, _KEYS * _VERSIONS, later=5.0))
    producer.flush()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (left := _count(world)) > 2 * _KEYS:
        if time.monotonic() > deadline:
            raise StuckError("Kafka did not compact")
        time.sleep(0.2)
    world.configure("predictions", {"cleanup.policy": "delete", "segment.ms": "604800000"})
    assert left == _count(world), "Kafka went on compacting"
    return written


def _write(producer: Producer, number: int, later: float = 0.0) -> Record:
    time_ = START - 10.0 + number / 1000 + later
    event = {
        "model": "demand",
        "prediction_id": f"gap-{number}",
        "timestamp": time_,
        "prediction": 1.0,
        "segments": {"shop": "1"},
    }
    record = Record("predictions", PARTITION, time_, json.dumps(event).encode())
    producer.produce(
        "monitor.predictions",
        record.value,
        f"key-{number % _KEYS}",
        partition=PARTITION,
        timestamp=round(time_ * 1000),
    )
    return record


def _count(world: World) -> int:
    return sum(partition == PARTITION for partition, _ in read_lines(world.kafka.bootstrap, "predictions"))
