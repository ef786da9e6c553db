"""Takes one safeguard out of a worker, to prove that the verifier can fail.

Each shows what would happen without it; none is in the product.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final


def without_deduplication() -> None:
    """JUDGE takes each delta as new, also one that was published twice."""
    from monitor_stream.judge.sources import Sources

    take = Sources.take

    def take_all(self: Sources, *args: Any) -> bool:
        take(self, *args)
        return True

    setattr(Sources, "take", take_all)  # noqa: B010  # the type checker is right to forbid it


def without_fencing() -> None:
    """The store lets whoever comes write over what is there: no epoch, no owner, no order."""
    from monitor_stream.state import redis, scripts

    source = scripts.COMMIT.source
    head, _, rest = source.partition("local held =")
    _, _, body = rest.partition("local at = 5")
    offsets, _, body = body.partition("for index = offsets, offsets_end, 2 do")
    _, _, body = body.partition("local function put(key)")
    broken = scripts.Script(
        f"{head}local held = redis.call('HMGET', state, '@epoch', '@owner', '@commit', '@published')\n"
        f"local at = 5{offsets}local function put(key){body}"
    )
    setattr(redis, "COMMIT", broken)  # noqa: B010


class _NoLock:
    async def __aenter__(self) -> None:
        """Let in whoever comes."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing was locked."""


def without_seek_lock() -> None:
    """Fetching, and claiming and seeking, no longer exclude each other.

    So that they do meet, fetches dawdle, and come back after a rebalance that begins meanwhile; and folds dawdle, so
    that fetches queue up before them. With the lock neither would matter.
    """
    from monitor_stream.stream import app, tenancies, transport

    make, fetch, apply = (
        transport.BatchConsumer.__init__,
        transport.BatchThread.fetch,
        tenancies.Tenancies.apply,
    )

    def unlocked(self: Any, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        self._seeking = _NoLock()

    async def late(self: Any, *args: Any) -> Any:
        fetched = await fetch(self, *args)
        await asyncio.sleep(0.8)
        while not self.consumer.flow_active and not self.consumer.should_stop:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return fetched

    async def slow(self: Any, *args: Any) -> None:
        await asyncio.sleep(0.04)
        await apply(self, *args)

    setattr(transport.BatchConsumer, "__init__", unlocked)  # noqa: B010
    setattr(transport.BatchThread, "fetch", late)  # noqa: B010
    setattr(tenancies.Tenancies, "apply", slow)  # noqa: B010
    setattr(app, "QUEUE_FETCHES", 64)  # noqa: B010


SAFEGUARDS: Final[Mapping[str, Callable[[], None]]] = {
    "deduplication": without_deduplication,
    "fencing": without_fencing,
    "seek-lock": without_seek_lock,
}
