"""What an `ErrorMonitor` reports."""

from __future__ import annotations

import msgspec

from monitor_stream.events.results import Detector, Direction


class Alarm(msgspec.Struct, frozen=True):
    """A detector saw the level of the error change.

    `order` is that of the error which gave the alarm, `seen` how many errors there had been by then, that one
    included. `before` and `after` are means of the error on either side of the change, in its own unit, each error
    counted as at most the unit of the `Scale`; the one after is of `count` errors.
    """

    detector: Detector
    direction: Direction
    order: float
    seen: int
    before: float
    after: float
    count: int
