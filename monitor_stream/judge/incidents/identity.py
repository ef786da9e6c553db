"""What an incident is called: the same in every run."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from monitor_stream.judge.incidents.looks import Key

#: Characters of an id: 64 bits, so that two incidents of a fleet are never called alike.
LENGTH: Final = 16


def identity(model: str, version: str, key: Key, since: float, opened: float) -> str:
    """An id, made of what opened an incident: the track, where its first look that fired began, and when it opened.

    >>> identity("flight-late", "3", ("error", "", ""), 1362700800.0, 1362787200.0)
    'b154598fa917c1d7'
    """
    parts = [model, version, *key, since, opened]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:LENGTH]
