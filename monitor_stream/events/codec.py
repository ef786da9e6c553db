"""One codec for all that travels: JSON for people and services, MessagePack between the folds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from monitor_stream.events.delta import Delta
from monitor_stream.events.spec import ModelSpec

T = TypeVar("T")

encode_json = msgspec.json.Encoder(order="deterministic").encode
encode_delta = msgspec.msgpack.Encoder().encode
decode_delta = msgspec.msgpack.Decoder(Delta).decode
decode_spec = msgspec.json.Decoder(ModelSpec).decode


def decode_json(kind: type[T], data: bytes) -> T:
    """Read one of the event types from JSON; raises `msgspec.ValidationError` with the path of what is wrong."""
    return msgspec.json.decode(data, type=kind)


def moment(seconds: float) -> datetime:
    """Unix seconds as a time in UTC, the form events carry.

    >>> moment(0.0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC)


def to_builtins(value: Any) -> Any:
    """The JSON form of an event as dicts and lists."""
    return msgspec.to_builtins(value)
