"""How long a worker waits for a store that does not answer, and how much may wait with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from monitor_stream.errors import StoreError
from monitor_stream.stream.health import WorkerStats

log = logging.getLogger(__name__)


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """The pauses of a worker, in seconds.

    Parameters
    ----------
    retry_seconds, longest_retry_seconds
        Pause between attempts to reach the store: the first one, and what it grows to.
    reclaim_seconds
        Least time between two claims of one partition that others claim too.
    max_uncommitted_bytes
        Bytes of records applied and not yet committed, over all partitions; beyond it the worker waits for the store.
    """

    retry_seconds: float = 0.1
    longest_retry_seconds: float = 5.0
    reclaim_seconds: float = 2.0
    max_uncommitted_bytes: int = 32 << 20


async def insist(
    write: Callable[[], Awaitable[bool]],
    *,
    wanted: Callable[[], bool],
    patience: Patience,
    stats: WorkerStats,
) -> bool | None:
    """Write until it is known whether the store did, and return that; None when it is not `wanted` any more."""
    pause = patience.retry_seconds
    while wanted():
        try:
            written = await write()
        except StoreError as error:
            stats.store_waiting = True
            log.warning("%s; trying again in %.1f s.", str(error).rstrip("."), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, patience.longest_retry_seconds)
        else:
            stats.store_waiting = False
            return written
    stats.store_waiting = False
    return None
