"""A spec as JSON that people read and diff."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor_stream.events.spec import ModelSpec

_STEP = "  "


def pretty(spec: ModelSpec) -> bytes:
    """A spec as JSON: in the order of `ModelSpec`, one member a line, and a list of plain values on one line.

    >>> print(pretty(ModelSpec(model="m", task="binary", segments=["city", "plan"])).decode(), end="")
    {
      "model": "m",
      "task": "binary",
      "segments": ["city", "plan"]
    }
    """
    return f"{_text(msgspec.json.decode(msgspec.json.encode(spec)), '')}\n".encode()


def _text(value: Any, indent: str) -> str:
    inner = indent + _STEP
    if isinstance(value, dict) and value:
        members = (f"{inner}{_plain(name)}: {_text(member, inner)}" for name, member in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(inner + _text(item, inner) for item in value) + f"\n{indent}]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return _plain(value)


def _plain(value: Any) -> str:
    return msgspec.json.encode(value).decode()
