"""The newest windows as they were last published, ready for the results document."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from monitor_stream.events.codec import decode_json, encode_json
from monitor_stream.events.results import Window
from monitor_stream.judge.persist import Journal, Kind, key

#: So many of the newest windows keep segments and features in the document; all of them are on the windows topic.
DETAILED: Final = 12

Start = tuple[int, float]  # start and length in seconds


class Shown(NamedTuple):
    """A window, and its JSON: a document is made of hundreds that did not change."""

    window: Window
    json: bytes


class History:
    """The newest `keep` windows of a version, by start; each is one field of the state, written when it changed."""

    def __init__(self, kind: Kind, model: str, version: str, keep: int, journal: Journal) -> None:
        self.kind: Kind = kind
        self._owner = (model, version)
        self._keep = keep
        self._journal = journal
        self._shown: dict[Start, Shown] = {}

    def restore(self, at: Start, data: bytes) -> None:
        """Take back what the store held."""
        self._shown[at] = Shown(decode_json(Window, data), data)

    def show(self, at: Start, window: Window) -> None:
        """Put a window in the place of its last revision."""
        if len(self._shown) >= self._keep and at < min(self._shown):
            return
        self._put(at, window)
        newest_first = sorted(self._shown, reverse=True)
        for old in newest_first[self._keep :]:
            del self._shown[old]
            self._journal.delete(self._field(old))
        for old in newest_first[DETAILED : self._keep]:
            self._thin(old)

    def documents(self) -> list[msgspec.Raw]:
        """The windows as JSON, the oldest first."""
        return [msgspec.Raw(shown.json) for _, shown in sorted(self._shown.items())]

    def _put(self, at: Start, window: Window) -> None:
        self._shown[at] = Shown(window, data := encode_json(window))
        self._journal.put(self._field(at), lambda: data)

    def _thin(self, at: Start) -> None:
        window = self._shown[at].window
        if window.segments or window.features:
            self._put(at, msgspec.structs.replace(window, segments=[], features=[]))

    def _field(self, at: Start) -> str:
        return key(self.kind, *self._owner, *at)
