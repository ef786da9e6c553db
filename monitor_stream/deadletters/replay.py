"""Sends what was set aside to its topic again: the records themselves, once a spec or a service is mended.

A record goes to the partition it came from, with its key, its headers and its timestamp, so that it meets its label and
an event without a time of its own keeps the one it had. One that is still wrong is set aside again, under its new offset.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from monitor_stream.config import confluent_config
from monitor_stream.deadletters.letters import Filter, Letters
from monitor_stream.deadletters.original import Identity, headers
from monitor_stream.deadletters.reader import Place, Reader
from monitor_stream.errors import BrokerError, InputError
from monitor_stream.events.codec import encode_json
from monitor_stream.events.deadletter import DeadLetter
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings

#: What services send, and workers read: anything else is our own, and is not to be sent twice.
ROLES: Final[tuple[Topic, ...]] = ("predictions", "labels")
#: Names the place a record was first sent to, on a record that was sent again.
HEADER: Final = "monitor-stream-replayed-from"
#: Notes of replayed records that are kept in memory while choosing.
MAX_NOTES: Final = 1_000_000
#: Records between two waits for the broker, after which it is noted that they were sent.
CHUNK: Final = 200
TIMEOUT_SECONDS: Final = 30.0


class Chosen(msgspec.Struct, frozen=True):
    """A record to send again."""

    place: Place
    letter: DeadLetter  # without its value
    identity: Identity


class Selection(msgspec.Struct):
    """What a filter chose, oldest first.

    Parameters
    ----------
    more
        Letters that the filter lets through beyond the limit.
    replayed
        Left out, because they were sent again before.
    ours
        Left out, because they are on topics that no service writes to.
    gone
        Of those chosen: retention has removed them.
    """

    chosen: list[Chosen]
    more: int = 0
    replayed: int = 0
    ours: int = 0
    gone: int = 0

    def by_topic(self) -> Mapping[str, Counter[str]]:
        """Topic → reason → how many were chosen."""
        counts: dict[str, Counter[str]] = {}
        for each in self.chosen:
            counts.setdefault(each.place.topic, Counter())[each.letter.reason] += 1
        return counts


class Replayed(msgspec.Struct):
    """What became of it: records sent again, and records that were gone."""

    sent: int = 0
    gone: int = 0


def select(settings: Settings, wanted: Filter, *, limit: int, again: bool = False) -> Selection:
    """Choose the oldest records, at most `limit`; `again` takes those too that were sent again before.

    Raises `BrokerError`; `InputError` when more was replayed than can be kept in mind.
    """
    topics = {settings.topic(role) for role in ROLES}
    chosen: dict[Place, Chosen] = {}
    selection = Selection([])
    with Reader(settings) as reader:
        noted = _read_notes(settings, reader, wanted)
        skipped: set[Place] = set()
        for entry in Letters(settings, wanted).read(reader):
            place, letter = entry.place, entry.letter
            if letter.replayed is not None or place in chosen:
                continue
            if place.topic not in topics:
                selection.ours += 1
            elif place in noted and not again:
                skipped.add(place)
            elif len(chosen) == limit:
                selection.more += 1
            else:
                slim = msgspec.structs.replace(letter, value=None)
                chosen[place] = Chosen(place, slim, Identity.of(letter))
        selection.chosen, selection.replayed = list(chosen.values()), len(skipped)
        for (topic, partition), group in _by_partition(selection.chosen):
            first, end = reader.bounds(topic, partition)
            selection.gone += sum(not first <= each.place.offset < end for each in group)
    return selection


def replay(
    settings: Settings, chosen: Iterable[Chosen], on: Callable[[Replayed], object] = lambda _: None
) -> Replayed:
    """Send records again, and note each that was sent; `on` is told how far it got.

    Raises `BrokerError`; what was sent until then is noted. A process that dies in between has noted all but the last
    `CHUNK` records.
    """
    done = Replayed()
    outlet = _Outlet(settings)
    with Reader(settings) as reader:
        for (topic, partition), group in _by_partition(chosen):
            by_offset = {each.place.offset: each for each in group}
            for offset, record in reader.records(topic, partition, sorted(by_offset)):
                each = by_offset[offset]
                if record is None or not each.identity.fits(record):
                    done.gone += 1
                    continue
                outlet.send(each, record)
                if outlet.waiting >= CHUNK:
                    done.sent += outlet.settle(done.sent)
                    on(done)
    done.sent += outlet.settle(done.sent)
    on(done)
    return done


class _Outlet:
    """An idempotent producer, and the notes of what it sent."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        options: dict[str, Any] = {
            "log_level": 0,
            "client.id": f"{settings.application}-deadletters",
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.max.bytes": 64 << 20,  # the topic's own limit is what counts
            "message.timeout.ms": int(TIMEOUT_SECONDS * 1000),
            "queue.buffering.max.kbytes": 32 << 10,
        }
        self._producer = Producer(confluent_config(settings) | options)
        self._delivered: list[DeadLetter] = []
        self._refused = ""
        #: Records handed over since the last `settle`.
        self.waiting = 0

    def send(self, chosen: Chosen, record: Message) -> None:
        """Hand over one record, as it is."""
        known = headers(record)
        if all(name != HEADER for name, _ in known):
            known.append((HEADER, str(chosen.place).encode()))
        self.waiting += 1
        self._produce(
            chosen.place.topic,
            value=record.value(),
            key=record.key(),
            partition=chosen.place.partition,
            headers=known,
            timestamp=max(0, record.timestamp()[1]),
            on_delivery=functools.partial(self._hear, chosen.letter),
        )

    def settle(self, before: int) -> int:
        """Wait until the broker has all, and note it; returns how many it took. `before` is how many it took earlier."""
        self._flush()
        sent, self._delivered = self._delivered, []
        self.waiting = 0
        for note in sent:
            self._produce(
                self._settings.topic("deadletters"), value=encode_json(note), on_delivery=self._noted
            )
        self._flush()
        if self._refused:
            raise BrokerError(
                f"Kafka at {self._settings.bootstrap} does not take the records: {self._refused}. {before + len(sent)} "
                "were sent again before."
            )
        return len(sent)

    def _produce(self, topic: str, **record: Any) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                self._producer.produce(topic, **record)
            except BufferError:  # the producer's queue is full: let it deliver
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"Kafka at {self._settings.bootstrap} took nothing for {TIMEOUT_SECONDS:g} s."
                    ) from None
                self._producer.poll(0.1)
            except KafkaException as error:
                self._refused = self._refused or f"{topic}: {error.args[0].str()}"
                return
            else:
                self._producer.poll(0)
                return

    def _flush(self) -> None:
        self._producer.flush(TIMEOUT_SECONDS + 5)  # the producer gives up sooner, and says why

    def _hear(self, letter: DeadLetter, error: KafkaError | None, record: Message) -> None:
        if error is not None:
            self._refused = self._refused or f"{record.topic()}: {error.str()}"
            return
        note = f"sent again as offset {record.offset()}"
        self._delivered.append(msgspec.structs.replace(letter, detail=note, replayed=datetime.now(UTC)))

    def _noted(self, error: KafkaError | None, record: Message) -> None:
        if error is not None:
            self._refused = self._refused or f"{record.topic()}: {error.str()}"


def _read_notes(settings: Settings, reader: Reader, wanted: Filter) -> set[Place]:
    noted: set[Place] = set()
    for entry in Letters(settings, wanted).read(reader):
        if entry.letter.replayed is not None:
            noted.add(entry.place)
        if len(noted) > MAX_NOTES:
            raise InputError(
                f"More than {MAX_NOTES:,} records were replayed already. Choose fewer: --since, --topic, --reason."
            )
    return noted


def _by_partition(chosen: Iterable[Chosen]) -> Iterator[tuple[tuple[str, int], list[Chosen]]]:
    ordered = sorted(chosen, key=attrgetter("place"))
    for place, group in groupby(ordered, key=lambda each: (each.place.topic, each.place.partition)):
        yield place, list(group)
