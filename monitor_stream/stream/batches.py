"""Batches, cut by number of records or by offset."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from monitor_stream.events.fold import Batch


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """The records from the `start`-th up to the `stop`-th."""
    return msgspec.structs.replace(
        batch,
        offsets=batch.offsets[start:stop],
        timestamps=batch.timestamps[start:stop],
        values=batch.values[start:stop],
    )


def count_below(offsets: Sequence[int], offset: int) -> int:
    """How many of the ascending offsets lie below one.

    >>> count_below([3, 4, 7], 5)
    2
    """
    if not offsets or offsets[0] >= offset:
        return 0
    return sum(1 for each in offsets if each < offset)
