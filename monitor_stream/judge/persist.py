"""How JUDGE's state becomes bytes: one field for each thing that changes on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeVar

import msgspec

from monitor_stream.events.fold import Changes, State

#: The field that names the version of all others.
SCHEMA_KEY: Final = "schema"
SCHEMA: Final = b"3"

Kind = Literal[
    "model", "incidents", "resolved", "version", "spec", "monitor", "detections", "held", "window", "shown", "day", "shown_day",
    "quality", "volume", "segment", "outliers", "examples", "service", "why", "beginnings", "jumps", "attribution", "contradiction", "estimates",
    "comparison", "paired",
    "for_whom", "settled",
    "drift", "span", "sampled", "shown_drift", "learned", "rows", "vectors",
]  # fmt: skip

T = TypeVar("T")

pack = msgspec.msgpack.Encoder().encode


class UnknownSchemaError(ValueError):
    """State that another version of this package wrote."""


def unpack(kind: type[T], data: bytes) -> T:
    """Read a blob that `pack` wrote."""
    return msgspec.msgpack.decode(data, type=kind)


def key(kind: Kind, *parts: str | float) -> str:
    """The name of a field: JSON, because names of models and versions may hold any character.

    >>> key("window", "flight-late", "3", 300.0, 1362132900)
    '["window","flight-late","3",300.0,1362132900]'
    """
    return msgspec.json.encode([kind, *parts]).decode()


def fields(state: State) -> Iterator[tuple[Kind, list[Any], bytes]]:
    """The fields of a state with their parted keys; refuses what another version wrote."""
    if not state:
        return
    found = state.get(SCHEMA_KEY)
    if found != SCHEMA:
        raise UnknownSchemaError(
            f"JUDGE's stored state has schema {found!r}, this version reads {SCHEMA!r}: "
            "run the version that wrote it, or start clean with `monitor-stream rebuild`"
        )
    for name, data in state.items():
        if name != SCHEMA_KEY:
            kind, *parts = msgspec.json.decode(name)
            yield kind, parts, data


class Journal:
    """What changed since the last commit. Things report themselves, and are turned to bytes once, when asked for.

    >>> journal = Journal({})
    >>> journal.put("a", lambda: b"1")
    >>> journal.take().puts
    {'schema': b'3', 'a': b'1'}
    >>> journal.delete("a")
    >>> journal.take()
    Changes(puts={}, deletes=['a'])
    """

    def __init__(self, state: State) -> None:
        self._stored = set(state)
        self._puts: dict[str, Callable[[], bytes]] = {}
        self._deletes: dict[str, None] = {}
        if not state:
            self.put(SCHEMA_KEY, lambda: SCHEMA)

    def put(self, name: str, to_bytes: Callable[[], bytes]) -> None:
        """Say that a field changed; `to_bytes` is called when the changes are taken."""
        self._deletes.pop(name, None)
        self._puts[name] = to_bytes

    def delete(self, name: str) -> None:
        """Say that a field is gone."""
        self._puts.pop(name, None)
        if name in self._stored:
            self._deletes[name] = None

    def take(self) -> Changes:
        """The changes since the last call."""
        changes = Changes({name: to_bytes() for name, to_bytes in self._puts.items()}, list(self._deletes))
        self._stored.update(changes.puts)
        self._stored.difference_update(changes.deletes)
        self._puts, self._deletes = {}, {}
        return changes
