"""The floor: a bare confluent-kafka loop that decodes with orjson and does nothing else."""

from __future__ import annotations

import sys
import uuid

import orjson
from confluent_kafka import Consumer

from loadtest.consumers.report import Stopwatch


def main(bootstrap: str, topics: list[str], events: int) -> None:
    """Read and decode so many events."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bench-bare-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(topics)
    watch, seen = Stopwatch(), 0
    while seen < events:
        for message in consumer.consume(5000, timeout=1.0):
            watch.start()
            value = message.value()
            if value is not None:
                orjson.loads(value)
            seen += 1
    watch.finish(seen)
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]))
