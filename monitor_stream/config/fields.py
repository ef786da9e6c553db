"""The settings as data: what flags, environment variables and the reference page are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec

from monitor_stream.settings import Settings

PREFIX: Final = "MONITOR_STREAM_"


@dataclass(frozen=True)
class Setting:
    """One setting. `kind` says in words what values it takes."""

    name: str
    kind: str
    default: Any
    description: str
    secret: bool

    @property
    def default_text(self) -> str:
        """The default as it would be written; empty where there is none."""
        return as_text(self.default)

    @property
    def variable(self) -> str:
        """The environment variable.

        >>> settings()["topic_prefix"].variable
        'MONITOR_STREAM_TOPIC_PREFIX'
        """
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The flag of the command line.

        >>> settings()["topic_prefix"].flag
        '--topic-prefix'
        """
        return "--" + self.name.replace("_", "-")


def as_text(value: Any) -> str:
    """A value as a variable or a flag would carry it.

    >>> as_text(True)
    'true'
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def settings() -> dict[str, Setting]:
    """Every setting by its name, in the order they were written down."""
    return {setting.name: setting for setting in map(_read, _fields())}


def _fields() -> tuple[msgspec.inspect.Field, ...]:
    described = msgspec.inspect.type_info(Settings)
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 tells the type checker what is plain
    return described.fields


def _read(field: msgspec.inspect.Field) -> Setting:
    meta = field.type
    if not isinstance(meta, msgspec.inspect.Metadata):
        raise TypeError(f"the setting {field.name} has no description")
    return Setting(
        name=field.name,
        kind=_kind(meta.type),
        default=field.default,
        description=(meta.extra_json_schema or {})["description"],
        secret=bool((meta.extra or {}).get("secret")),
    )


def _kind(annotation: msgspec.inspect.Type) -> str:
    match annotation:
        case msgspec.inspect.LiteralType(values=values):
            return " | ".join(map(str, values))
        case msgspec.inspect.BoolType():
            return "true | false"
        case msgspec.inspect.IntType(ge=low, le=high):
            return "integer" + _bounds(low, high)
        case msgspec.inspect.FloatType():
            return "number"
        case msgspec.inspect.StrType():
            return "text"
    raise TypeError(f"no words for a setting of type {annotation}")


def _bounds(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f", {low} to {high}"
    return "" if low is None else f", at least {low}"
