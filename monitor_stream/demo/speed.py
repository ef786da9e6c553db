"""How fast the past is played."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import click
import numpy as np

from monitor_stream.events.delta import Floats


@dataclass(frozen=True)
class Speed:
    """`factor` seconds of event time, or `factor` events, in a second; ``max`` waits for nothing."""

    kind: Literal["time", "events", "max"]
    factor: float = 0.0

    def due(self, times: Floats, elapsed: float) -> int:
        """How many of the events, at these sorted times, are to be sent within `elapsed` seconds.

        >>> Speed("time", 60.0).due(np.array([0.0, 30.0, 90.0]), 1.0)
        2
        """
        match self.kind:
            case "max":
                return len(times)
            case "events":
                return min(int(elapsed * self.factor) + 1, len(times))
            case "time":
                return int(np.searchsorted(times, times[0] + elapsed * self.factor, side="right"))


class SpeedType(click.ParamType):
    """``max``, a time factor such as ``86400x`` (a day a second), or a number of events a second.

    >>> SpeedType().convert("86400x", None, None)
    Speed(kind='time', factor=86400.0)
    >>> SpeedType().convert("5000", None, None)
    Speed(kind='events', factor=5000.0)
    """

    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Speed:
        if isinstance(value, Speed):
            return value
        text = str(value).strip().lower()
        if text == "max":
            return Speed("max")
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(x?)", text)
        if found is None or not float(found[1]):
            self.fail(
                f"{value!r} is neither max, nor a time factor such as 86400x, nor events a second such as 5000",
                param,
                ctx,
            )
        return Speed("time" if found[2] else "events", float(found[1]))
