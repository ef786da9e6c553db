"""The state of the fold as fields of a store: a commit writes what changed.

Fields: ``schema``; ``header``; ``unsaid`` (what was added up and not drained yet); ``model/N`` and ``labels/N/...`` for
each model; ``era/N`` and ``waiting/N/...`` for each era of a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monitor_stream.events.fold import Changes, Message, State
from monitor_stream.observe.emit import Piece
from monitor_stream.observe.era import Era, EraState
from monitor_stream.observe.model import Model, ModelState
from monitor_stream.observe.runs import Buffer

#: The version of what is written here.
SCHEMA: Final = b"2"

_encode = msgspec.msgpack.Encoder().encode


class UnknownSchemaError(ValueError):
    """The state was written by a version of this package that this one does not know."""


class Header(msgspec.Struct):
    """What belongs to the partition as a whole."""

    eras: int
    records: dict[str, int]
    dead_letters: dict[str, dict[str, int]]


class Unsaid(msgspec.Struct):
    """What a drain has still to say; empty where a drain comes before each commit, as it should."""

    pieces: list[Piece]
    messages: list[Message]


class Held(msgspec.Struct):
    """What `Writer.read` found."""

    header: Header
    unsaid: Unsaid
    models: dict[str, Model]


class Writer:
    """Remembers what is in the store, so that it writes what is not."""

    def __init__(self) -> None:
        self._written: dict[str, bytes] = {}
        self._numbers: dict[str, int] = {}
        self._eras: dict[int, tuple[float, ...]] = {}

    def write(self, header: Header, unsaid: Unsaid, models: Mapping[str, Model]) -> Changes:
        """All that differs from what was written before."""
        puts: dict[str, bytes] = {}
        deletes: list[str] = []
        self._put("schema", SCHEMA, puts)
        self._put("header", _encode(header), puts)
        if unsaid.pieces or unsaid.messages:
            self._put("unsaid", _encode(unsaid), puts)
        elif self._written.pop("unsaid", None) is not None:
            deletes.append("unsaid")
        alive: set[int] = set()
        for name, model in models.items():
            number = self._numbers.setdefault(name, len(self._numbers))
            self._put(f"model/{number}", _encode(model.state), puts)
            model.labels.changes(f"labels/{number}", puts, deletes)
            for version in model.versions.values():
                for era_number, era in version.eras.items():
                    alive.add(era_number)
                    self._write_era(era_number, era, puts)
                    era.waiting.changes(f"waiting/{era_number}", puts, deletes)
        for number in self._eras.keys() - alive:
            deletes.append(f"era/{number}")
            del self._eras[number]
        return Changes(puts, deletes)

    def _write_era(self, number: int, era: Era, puts: dict[str, bytes]) -> None:
        if self._eras.get(number) != era.learned:
            self._eras[number] = era.learned
            puts[f"era/{number}"] = _encode(era.state)

    def _put(self, key: str, value: bytes, puts: dict[str, bytes]) -> None:
        if self._written.get(key) != value:
            self._written[key] = puts[key] = value

    def read(self, state: State) -> Held:
        """The models of a state that `write` left."""
        if state.get("schema") != SCHEMA:
            raise UnknownSchemaError(
                f"the state of this partition has schema {state.get('schema')!r}, and this version of monitor-stream "
                f"reads {SCHEMA!r}: run the version that wrote it, or rebuild the state from the log"
            )
        grouped = _by_prefix(state)
        eras = {
            int(key.removeprefix("era/")): _decode(EraState, value)
            for key, value in state.items()
            if key.startswith("era/")
        }
        models: dict[str, Model] = {}
        for key in sorted(
            (k for k in state if k.startswith("model/")), key=lambda k: int(k.removeprefix("model/"))
        ):
            number = int(key.removeprefix("model/"))
            written = _decode(ModelState, state[key])
            labels = _buffer(f"labels/{number}", grouped)
            known = {n: (eras[n], _buffer(f"waiting/{n}", grouped)) for v in written.versions for n in v.eras}
            models[written.name] = Model.restore(written, labels, known)
            self._numbers[written.name] = number
            self._written[key] = state[key]
        for model in models.values():
            for version in model.versions.values():
                self._eras |= {n: era.learned for n, era in version.eras.items()}
        for key in ("schema", "header", "unsaid"):
            if key in state:
                self._written[key] = state[key]
        unsaid = _decode(Unsaid, state["unsaid"]) if "unsaid" in state else Unsaid([], [])
        return Held(_decode(Header, state["header"]), unsaid, models)


def _decode(kind: Any, data: bytes) -> Any:
    return msgspec.msgpack.decode(data, type=kind)


def _by_prefix(state: State) -> dict[str, dict[str, bytes]]:
    grouped: dict[str, dict[str, bytes]] = {}
    for key, value in state.items():
        family, _, rest = key.partition("/")
        if family in {"labels", "waiting"}:
            number, _, _ = rest.partition("/")
            grouped.setdefault(f"{family}/{number}", {})[key] = value
    return grouped


def _buffer(prefix: str, grouped: Mapping[str, Mapping[str, bytes]]) -> Buffer:
    return Buffer.restore(prefix, grouped.get(prefix, {}))
