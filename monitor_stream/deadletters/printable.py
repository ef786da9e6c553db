"""Bytes that anybody may have sent, made safe for a terminal."""

from __future__ import annotations

import json
from typing import Any


def printable(value: str | bytes | None) -> str:
    r"""Text in one line; what is not printable is escaped, a control sequence or a change of direction included.

    >>> printable(b'{"a": "\x1b[2J"}\n\xff')
    '{"a": "\\x1b[2J"}\\n\\xff'
    >>> printable("Zürich")
    'Zürich'
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def to_json(value: Any) -> str:
    r"""JSON in ASCII alone, for the same reason.

    >>> to_json({"a": chr(0x9B) + chr(0x7F)})
    '{"a": "\\u009b\\u007f"}'
    """
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
