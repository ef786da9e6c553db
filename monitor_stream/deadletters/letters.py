"""The topic of dead letters, read to its present end in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import Final, get_args

import msgspec

from monitor_stream.deadletters.reader import Place, Reader
from monitor_stream.errors import InputError
from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.deadletter import DeadLetter, Reason
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings

#: Places remembered to leave out letters that were published twice. A worker that dies between publishing and noting
#: so has its heir publish the same letters again, a few thousand at most.
RECENT: Final = 65_536


class Entry(msgspec.Struct, frozen=True):
    """A dead letter, the record's place, and when it was set aside."""

    place: Place
    letter: DeadLetter
    set_aside: datetime


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters: of some reasons (none: all), of one topic by its role or its name, set aside since (Unix seconds)."""

    reasons: frozenset[Reason] = frozenset()
    topic: str | None = None
    since: float | None = None


class Letters:
    """Reads the letters that a filter lets through. `unreadable` counts records that are no dead letters."""

    def __init__(self, settings: Settings, chosen: Filter) -> None:
        self._settings = settings
        self._chosen = chosen
        self._topic = None if chosen.topic is None else topic_name(settings, chosen.topic)
        self.unreadable = 0

    def read(self, reader: Reader) -> Iterator[Entry]:
        """Each letter once, oldest first; also the notes of what was replayed. Raises `BrokerError`."""
        recent: OrderedDict[tuple[Place, datetime | None], None] = OrderedDict()
        self.unreadable = 0
        for record in reader.until_now(self._settings.topic("deadletters"), self._chosen.since):
            try:
                letter = decode_json(DeadLetter, record.value() or b"")
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.unreadable += 1
                continue
            place = Place(topic_name(self._settings, letter.topic), letter.partition, letter.offset)
            if not self._lets_through(letter, place) or (place, letter.replayed) in recent:
                continue
            recent[place, letter.replayed] = None
            if len(recent) > RECENT:
                recent.popitem(last=False)
            yield Entry(place, letter, moment(max(0, record.timestamp()[1]) / 1000))

    def _lets_through(self, letter: DeadLetter, place: Place) -> bool:
        return (not self._chosen.reasons or letter.reason in self._chosen.reasons) and (
            self._topic in {None, place.topic}
        )


class Listing(msgspec.Struct):
    """The newest letters, newest first, and how many there are in all.

    `replayed` says of those listed when they were sent again; `replays` counts all that were.
    """

    newest: list[Entry]
    replayed: dict[Place, datetime]
    reasons: Counter[str]
    replays: int
    unreadable: int


def list_letters(settings: Settings, chosen: Filter, limit: int) -> Listing:
    """Count all letters, and keep the newest `limit`; raises `BrokerError`."""
    letters = Letters(settings, chosen)
    newest: list[tuple[datetime, int, Entry]] = []  # a heap, the oldest on top
    listed: set[Place] = set()
    replayed: dict[Place, datetime] = {}
    reasons: Counter[str] = Counter()
    replays = 0
    with Reader(settings) as reader:
        for number, entry in enumerate(letters.read(reader)):
            if entry.letter.replayed is not None:
                replays += 1
                if entry.place in listed:
                    replayed[entry.place] = entry.letter.replayed
                continue
            reasons[entry.letter.reason] += 1
            heapq.heappush(newest, (entry.set_aside, number, entry))
            listed.add(entry.place)
            if len(newest) > limit:
                dropped = heapq.heappop(newest)[2].place
                listed.discard(dropped)
                replayed.pop(dropped, None)
    entries = [entry for _, _, entry in sorted(newest, reverse=True)]
    return Listing(entries, replayed, reasons, replays, letters.unreadable)


def find_letter(settings: Settings, reader: Reader, place: Place) -> tuple[Entry, datetime | None]:
    """The newest letter of a place, and when it was last replayed; raises `InputError` when there is none."""
    letter: Entry | None = None
    replayed: datetime | None = None
    for entry in Letters(settings, Filter(topic=place.topic)).read(reader):
        if entry.place == place:
            replayed = entry.letter.replayed or replayed
            letter = entry if entry.letter.replayed is None else letter
    if letter is None:
        raise InputError(
            f"{settings.topic('deadletters')} at {settings.bootstrap} holds no dead letter of {place.topic}, partition "
            f"{place.partition}, offset {place.offset}."
        )
    return letter, replayed


def topic_name(settings: Settings, topic: str) -> str:
    """The name on the broker of a topic given by its role, or by its name.

    >>> topic_name(Settings(), "labels"), topic_name(Settings(), "monitor.labels")
    ('monitor.labels', 'monitor.labels')
    """
    for role in get_args(Topic):
        if role == topic:
            return settings.topic(role)
    return topic
