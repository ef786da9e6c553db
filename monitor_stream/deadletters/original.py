"""The record that a dead letter speaks of, as it lies on its topic."""

from __future__ import annotations

import msgspec
from confluent_kafka import Message

from monitor_stream.deadletters.reader import Place, Reader
from monitor_stream.events.deadletter import DeadLetter


class Identity(msgspec.Struct, frozen=True):
    """What tells a record from another one at its place, on a topic that was deleted and made anew.

    `timestamp` is that of the Kafka record, in milliseconds.
    """

    size: int
    timestamp: int

    @classmethod
    def of(cls, letter: DeadLetter) -> Identity:
        return cls(letter.size, round(letter.timestamp.timestamp() * 1000))

    def fits(self, record: Message) -> bool:
        """Whether it is the record that was set aside."""
        return self.size == len(record.value() or b"") and self.timestamp == max(0, record.timestamp()[1])


class Original(msgspec.Struct, frozen=True):
    """The record itself; or why it is not there."""

    record: Message | None
    gone: str = ""


def find_original(reader: Reader, place: Place, letter: DeadLetter) -> Original:
    """Read the record back from its topic; raises `BrokerError`."""
    first, end = reader.bounds(place.topic, place.partition)
    if place.offset < first:
        return Original(None, f"Retention removed the record: its partition begins at offset {first} by now.")
    if place.offset >= end:
        return Original(
            None, f"Its partition ends at offset {end}: the topic was made anew, or lost records."
        )
    ((_, record),) = reader.records(place.topic, place.partition, [place.offset])
    if record is None:
        return Original(None, "There is no record at this offset any more: compaction removed it.")
    if not Identity.of(letter).fits(record):
        return Original(None, "Another record lies at this offset by now: the topic was made anew.")
    return Original(record)


def headers(record: Message) -> list[tuple[str, bytes | None]]:
    """The record's headers, in their order; a name may come twice."""
    found = record.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]
