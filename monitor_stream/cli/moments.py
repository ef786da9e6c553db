"""Moments as people write them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from monitor_stream.cli.durations import Duration


class Since(click.ParamType):
    """A duration ago, or a time in RFC 3339 (UTC where it has no offset); as Unix seconds.

    >>> Since().convert("2026-01-31T12:00Z", None, None)
    1769860800.0
    """

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if "-" not in text:
            return time.time() - Duration().convert(text, param, ctx)
        found = _moment(text)
        if found is None:
            self.fail(
                f"{text!r} is no duration such as 2h, and no time such as 2026-01-31T12:00Z", param, ctx
            )
        return found


class Until(click.ParamType):
    """A time in RFC 3339 (UTC where it has no offset), as Unix seconds.

    >>> Until().convert("2026-01-31T12:00Z", None, None)
    1769860800.0
    """

    name = "until"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _moment(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no time such as 2026-01-31T12:00Z", param, ctx)
        return found


def _moment(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
