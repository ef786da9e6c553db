"""What a detector says: when it saw a change, which way, from what level to what."""

from __future__ import annotations

import msgspec

from monitor_stream.events.results import Direction


class Change(msgspec.Struct, frozen=True):
    """An alarm at `index` of the values just fed, with the mean of the signal on either side of the change, and of how
    many values the one after it is.
    """

    index: int
    direction: Direction
    before: float
    after: float
    count: int
