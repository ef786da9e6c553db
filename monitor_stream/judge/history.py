"""The newest windows as they were last published, ready for the results document."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor_stream.events.codec import decode_json, encode_json
from monitor_stream.events.results import Window
from monitor_stream.judge.persist import Journal, Kind, key

#: So many of the newest windows keep segments and features in the document; all of them are on the windows topic.
DETAILED: Final = 12

Start = tuple[int, float]  # start and length in seconds


class History:
    """The newest `keep` windows of a version, by start; each is one field of the state, written when it changed.

    What is kept of a window is its JSON: a document is made of hundreds that did not change.
    """

    def __init__(self, kind: Kind, model: str, version: str, keep: int, journal: Journal) -> None:
        self.kind: Kind = kind
        self._owner = (model, version)
        self._keep = keep
        self._journal = journal
        self._shown: dict[Start, bytes] = {}
        self._detailed: dict[Start, Window] = {}

    def restore(self, at: Start, data: bytes) -> None:
        """Take back what the store held."""
        self._shown[at] = data
        window = decode_json(Window, data)
        if window.segments or window.features:
            self._detailed[at] = window

    def show(self, at: Start, window: Window) -> bytes:
        """Put a window in the place of its last revision; its JSON."""
        data = encode_json(window)
        if at in self._shown or len(self._shown) < self._keep or at > min(self._shown):
            self._put(at, data)
            self._detailed[at] = window
            self._trim()
        return data

    def documents(self) -> list[msgspec.Raw]:
        """The windows as JSON, the oldest first."""
        return [msgspec.Raw(data) for _, data in sorted(self._shown.items())]

    def _put(self, at: Start, data: bytes) -> None:
        self._shown[at] = data
        self._journal.put(self._field(at), lambda: data)

    def _trim(self) -> None:
        """Drop the windows too many, and the details of all but the newest."""
        newest_first = sorted(self._shown, reverse=True)
        for old in newest_first[self._keep :]:
            del self._shown[old]
            self._detailed.pop(old, None)
            self._journal.delete(self._field(old))
        for old in self._detailed.keys() - newest_first[:DETAILED]:
            thin = msgspec.structs.replace(self._detailed.pop(old), segments=[], features=[])
            self._put(old, encode_json(thin))

    def _field(self, at: Start) -> str:
        return key(self.kind, *self._owner, *at)
