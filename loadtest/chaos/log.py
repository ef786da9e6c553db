"""What lies on Kafka: the truth that both sides of the comparison start from.

Not what the writer was told: a broker that is killed may have taken a batch without a word, and takes it once more when
the producer, which heard nothing, sends it again. Kafka's idempotence forbids that, but forgets a producer over a
restart when its records are older than `producer.id.expiration.ms` (a day), as ours are by their time stamps. What lies
in the log twice counts twice, and is told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from loadtest.chaos.expect import Line
from loadtest.chaos.stream import Record

Place = tuple[str, int]  # topic role, partition
Logs = Mapping[Place, list[Line]]
#: Topic role → partition → offset to begin at.
Since = Mapping[str, Mapping[int, int]]

INPUTS = ("predictions", "labels")
_ANSWER_SECONDS = 60.0


def logs(bootstrap: str) -> dict[Place, list[Line]]:
    """All that can be read of predictions and labels."""
    found: defaultdict[Place, list[Line]] = defaultdict(list)
    for role in INPUTS:
        for partition, line in read_lines(bootstrap, role):
            found[role, partition].append(line)
    return found


def read(bootstrap: str, role: str, since: Since | None = None) -> Iterator[bytes]:
    """The values of a topic, to its end."""
    return (line.value or b"" for _, line in read_lines(bootstrap, role, since))


def read_lines(bootstrap: str, role: str, since: Since | None = None) -> Iterator[tuple[int, Line]]:
    """The records of a topic with their partitions, to its end; none of transactions that were given up."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "verifier",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "log_level": 2,
        }
    )
    try:
        topic = f"monitor.{role}"
        unread = set(consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions)
        first = (since or {}).get(role, {})
        consumer.assign([TopicPartition(topic, part, first.get(part, 0)) for part in unread])
        while unread:
            message = consumer.poll(_ANSWER_SECONDS)
            if message is None:
                raise RuntimeError(f"{topic} cannot be read to its end")
            if (error := message.error()) is None:
                time = message.timestamp()[1] / 1000
                yield message.partition() or 0, Line(message.offset() or 0, time, message.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
    finally:
        consumer.close()


class MissingError(Exception):
    """The broker lost a record that it had confirmed, or holds one that nobody wrote."""


def taken_twice(found: Logs, written: Iterable[Record], allowed: Iterable[Record]) -> int:
    """How many records lie in the log more often than they were written. Raises `MissingError`.

    All that was `written` must be there; what is `allowed` may be.

    >>> record = Record("labels", 0, 0.0, b"a")
    >>> taken_twice({("labels", 0): [Line(4, 0.0, b"a"), Line(5, 0.0, b"a")]}, [record], [])
    1
    """
    left = Counter((place, hash(line.value)) for place, lines in found.items() for line in lines)
    known = set()
    for record in written:
        known.add(key := _key(record))
        left[key] -= 1
    may_be = set(map(_key, allowed))
    for (place, value), count in left.items():
        if count < 0:
            raise MissingError(f"{place} holds a record less often than it was written")
        if count > 0 and (place, value) not in known and (place, value) not in may_be:
            raise MissingError(f"{place} holds what nobody wrote")
    return sum(count for key, count in left.items() if key not in may_be)


def _key(record: Record) -> tuple[Place, int]:
    return (record.role, record.partition), hash(record.value)
