"""JSON Schemas of the events, made from their types; what the types' docstrings say of a field stands beside it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from monitor_stream.events.deadletter import DeadLetter
from monitor_stream.events.results import Comparison, Detection, DriftSpan, Incident, ModelResults, Window
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.wire import Label, Prediction

KINDS: Final[tuple[type[msgspec.Struct], ...]] = (
    Prediction,
    Label,
    ModelSpec,
    Window,
    DriftSpan,
    Incident,
    Comparison,
    Detection,
    ModelResults,
    DeadLetter,
)
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_PARAGRAPH = re.compile(r"\n\s*\n")
_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_FIELDS = re.compile(r"^(?P<names>\w+(?:, \w+)*)\n(?P<text>(?:[ ]+.*\n?)+)", re.MULTILINE)


def render_all() -> dict[str, str]:
    """Each schema's text by its file's name."""
    return {f"{kind.__name__}.json": _text(_schema(kind)) for kind in KINDS}


def components(kinds: Iterable[type[msgspec.Struct]], template: str) -> dict[str, Any]:
    """The schemas of these types and of all they hold, by name; references between them are made by `template`."""
    _, found = msgspec.json.schema_components(kinds, ref_template=template)
    docs = {kind.__name__: kind for kind in _reachable(kinds)}
    return {name: _plain(_explained(schema, docs.get(name))) for name, schema in sorted(found.items())}


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    found = components([kind], "#/$defs/{name}")
    top = found.pop(kind.__name__)
    return {"$schema": DIALECT, **top, **({"$defs": found} if found else {})}


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _explained(schema: Mapping[str, Any], kind: type | None) -> dict[str, Any]:
    """The schema with the docstring's first paragraph, and each field with its own."""
    if kind is None:
        return dict(schema)
    summary, fields = _parse(inspect.getdoc(kind) or "")
    times = {field.encode_name for field in _described(kind).fields if _is_time(field.type)}
    properties = {
        name: {
            **value,
            # msgspec promises the format only where a zone is demanded; what we send always has one.
            **({"format": "date-time"} if name in times else {}),
            **({"description": fields[name]} if name in fields else {}),
        }
        for name, value in schema.get("properties", {}).items()
    }
    return {**schema, "description": summary, **({"properties": properties} if properties else {})}


def _plain(schema: Any) -> Any:
    """Without OpenAPI's `discriminator`, which AsyncAPI does not know; the variants' own tags tell them apart."""
    if isinstance(schema, dict):
        return {name: _plain(part) for name, part in schema.items() if name != "discriminator"}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema


def _described(kind: type) -> msgspec.inspect.StructType:
    described = msgspec.inspect.type_info(kind)
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 tells the type checker what is plain
    return described


def _is_time(field: msgspec.inspect.Type) -> bool:
    return isinstance(field, msgspec.inspect.DateTimeType)


def _parse(docstring: str) -> tuple[str, dict[str, str]]:
    r"""The first paragraph, and the section Parameters field by field.

    >>> _parse("One answer.\n\nParameters\n----------\nmodel, version\n    Which\n    one.\n")
    ('One answer.', {'model': 'Which one.', 'version': 'Which one.'})
    """
    summary = _one_line(_PARAGRAPH.split(docstring, maxsplit=1)[0])
    parts = _SECTION.split(docstring)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    fields: dict[str, str] = {}
    for match in _FIELDS.finditer(sections.get("Parameters", "")):
        fields.update(dict.fromkeys(match["names"].split(", "), _one_line(match["text"])))
    return summary, fields


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _reachable(kinds: Iterable[type[msgspec.Struct]]) -> set[type]:
    """These types and the struct types they hold."""
    found: set[type] = set()

    def visit(described: Any) -> None:
        if isinstance(described, msgspec.inspect.StructType):
            if described.cls in found:
                return
            found.add(described.cls)
            visit([field.type for field in described.fields])
        elif isinstance(described, list | tuple):
            for part in described:
                visit(part)
        elif isinstance(described, msgspec.inspect.Type):
            visit([getattr(described, name) for name in described.__struct_fields__])

    visit([msgspec.inspect.type_info(kind) for kind in kinds])
    return found
