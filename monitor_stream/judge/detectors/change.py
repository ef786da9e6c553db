"""What a detector says: where the level changed, from what, to what."""

from __future__ import annotations

import msgspec


class Change(msgspec.Struct, frozen=True):
    """An alarm at `index` of the values just fed, with the mean of the signal on either side of the change."""

    index: int
    before: float
    after: float
