"""The newest of what was published of a version, ready for the results document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from monitor_stream.events.codec import decode_json, encode_json
from monitor_stream.events.results import DriftSpan, Window
from monitor_stream.events.tables import TARGET
from monitor_stream.judge.persist import Journal, Kind, key

Start = tuple[int, float]  # start and length in seconds
Published = TypeVar("Published", Window, DriftSpan)


class Shown(msgspec.Struct, Generic[Published], frozen=True):
    """What of a kind is shown: the newest `most`; so many of them whole, of those before what `thin` leaves.

    All of it is on the topic that they are published to.
    """

    kind: type[Published]
    most: int
    whole: int
    thin: Callable[[Published], Published]


def _thin_window(window: Window) -> Window:
    return msgspec.structs.replace(window, segments=[], features=[])


def _thin_span(span: DriftSpan) -> DriftSpan:
    """What had drifted; and the label, which is not judged before it is old."""
    columns = [column for column in span.columns if column.drifted or column.column == TARGET]
    multivariate = [method for method in span.multivariate if method.drifted]
    return msgspec.structs.replace(span, columns=columns, multivariate=multivariate)


WINDOWS: Final = Shown(Window, 100, 12, _thin_window)
DAYS: Final = Shown(Window, 400, 12, _thin_window)
DRIFT: Final = Shown(DriftSpan, 100, 3, _thin_span)


class History(Generic[Published]):
    """The newest by start; each is one field of the state, written when it changed.

    What is kept is JSON: a document is made of hundreds that did not change.
    """

    def __init__(
        self, kind: Kind, model: str, version: str, journal: Journal, what: Shown[Published]
    ) -> None:
        self.kind: Kind = kind
        self._owner = (model, version)
        self._journal = journal
        self._what: Shown[Published] = what
        self._shown: dict[Start, bytes] = {}
        self._whole: dict[Start, Published] = {}

    def restore(self, at: Start, data: bytes) -> None:
        """Take back what the store held."""
        self._shown[at] = data
        self._whole[at] = decode_json(self._what.kind, data)

    def show(self, at: Start, published: Published) -> bytes:
        """Put something in the place of its last revision; its JSON."""
        data = encode_json(published)
        if at in self._shown or len(self._shown) < self._what.most or at > min(self._shown):
            self._put(at, data)
            self._whole[at] = published
            self._trim()
        return data

    def documents(self) -> list[msgspec.Raw]:
        """What is shown as JSON, the oldest first."""
        return [msgspec.Raw(data) for _, data in sorted(self._shown.items())]

    def _put(self, at: Start, data: bytes) -> None:
        self._shown[at] = data
        self._journal.put(self._field(at), lambda: data)

    def _trim(self) -> None:
        """Drop those too many, and the details of all but the newest."""
        newest_first = sorted(self._shown, reverse=True)
        for old in newest_first[self._what.most :]:
            del self._shown[old]
            self._whole.pop(old, None)
            self._journal.delete(self._field(old))
        for old in self._whole.keys() - newest_first[: self._what.whole]:
            whole = self._whole.pop(old)
            thin = self._what.thin(whole)
            if thin != whole:
                self._put(old, encode_json(thin))

    def _field(self, at: Start) -> str:
        return key(self.kind, *self._owner, *at)
