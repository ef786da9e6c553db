"""Durations as people write them."""

from __future__ import annotations

import re

import click

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


class Duration(click.ParamType):
    """A number with a unit, ``90s 5m 1h 2d 1w``, as seconds.

    >>> Duration().convert("48h", None, None)
    172800.0
    """

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no duration, such as 90s, 5m, 1h, 2d, 1w", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]
