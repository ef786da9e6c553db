"""A worker: one process, or one task of it, that reads, judges and publishes until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from monitor_stream import topics
from monitor_stream.errors import BrokerError
from monitor_stream.events.fold import Fold
from monitor_stream.events.spec import Specs
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName
from monitor_stream.state.redis import open_store
from monitor_stream.stream.app import make_app
from monitor_stream.stream.engine_check import check_engine
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.models import ModelFeed
from monitor_stream.stream.moments import Observer, nobody
from monitor_stream.stream.publisher import Publisher
from monitor_stream.stream.tenancies import Tenancies
from monitor_stream.stream.transport import App
from monitor_stream.stream.watchdog import PROGRESS_SECONDS, Watchdog

log = logging.getLogger(__name__)

#: How long a commit on revoke may take: a small part of what the group waits.
REVOKE_SHARE: Final = 0.25
#: How long the last commit may take. A supervisor kills after ten seconds.
STOP_SECONDS: Final = 5.0
#: How often the event loop shows that it turns.
BEAT_SECONDS: Final = 1.0


def run_worker(
    settings: Settings,
    *,
    folds: Mapping[FoldName, type[Fold]] | None = None,
    stats: WorkerStats | None = None,
    ready: Callable[[], None] | None = None,
    on: Observer = nobody,
) -> None:
    """Work until SIGTERM or SIGINT, then commit and return. See `work`."""

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        await work(settings, stopping, folds=folds, stats=stats, ready=ready, on=on)

    asyncio.run(main())


async def work(
    settings: Settings,
    stopping: asyncio.Event,
    *,
    folds: Mapping[FoldName, type[Fold]] | None = None,
    stats: WorkerStats | None = None,
    ready: Callable[[], None] | None = None,
    on: Observer = nobody,
) -> None:
    """Work until `stopping` is set, then commit, leave the group and return.

    Parameters
    ----------
    folds
        The folds to run; `Observe` and `Judge` by default.
    stats
        Where to count how the worker does.
    ready
        Called once, when the first partitions were taken.
    on
        Told of the moments at which a crash would hurt most.

    Raises
    ------
    BrokerError, TopicsError, StoreError, SchemaError, EngineError
        When it cannot start or cannot go on. Nothing is lost by that: another start goes on from the last commit.
    """
    check_engine()
    stats = stats or WorkerStats()
    specs = Specs()
    partitions = await asyncio.to_thread(topics.check, settings)
    async with AsyncExitStack() as stack:
        stack.callback(asyncio.create_task(_beat(stats), name="beat").cancel)
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        stats.durable = store.durable
        models = ModelFeed(settings, specs, stats)
        stack.push_async_callback(models.stop)
        await models.start()
        publisher = Publisher(settings)
        stack.callback(publisher.close)
        tenancies = Tenancies(
            settings, store=store, outlet=publisher, folds=folds or _folds(), specs=specs, stats=stats, on=on
        )
        app = make_app(settings, tenancies, partitions)
        stats.assignment = app.reader.assigned
        _follow_rebalances(app, settings, stats)
        watchdog = Watchdog(
            settings,
            assigned=app.reader.assigned,
            progress=lambda: sum(stats.records_consumed.values()),
            excused=lambda: stats.store_waiting,
            told=tenancies.held.note_ends,
            progress_seconds=max(PROGRESS_SECONDS, 2 * settings.restore_timeout_seconds),
        )
        watchdog.start()
        stack.push_async_callback(watchdog.stop)
        _spare_the_collector()
        await _run(app, stopping, ready)


def _spare_the_collector() -> None:
    """Let Python look for reference cycles less often.

    A fetch is thousands of small objects that live for milliseconds. With the default thresholds the collector went
    through them and all else so often that it took half of the CPU time of reading.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _folds() -> Mapping[FoldName, type[Fold]]:
    from monitor_stream.judge import Judge
    from monitor_stream.observe import Observe

    return {"observe": Observe, "judge": Judge}


def _follow_rebalances(app: App, settings: Settings, stats: WorkerStats) -> None:
    async def revoked(*_: object, **__: object) -> None:
        stats.rebalances["revoked"] += 1
        await app.tenancies.release(app.reader, REVOKE_SHARE * settings.session_timeout_seconds)

    async def assigned(*_: object, **__: object) -> None:
        stats.rebalances["assigned"] += 1

    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_partitions_assigned.connect(assigned, weak=False)


async def _run(app: App, stopping: asyncio.Event, ready: Callable[[], None] | None) -> None:
    """Run the app until it is told to stop, or something in it failed."""
    started = asyncio.Event()

    async def start() -> None:
        try:
            await app.start()
        finally:
            started.set()
        if ready is not None and app.started and not app.should_stop:
            ready()
        await app.wait_until_stopped()  # or crashed

    tasks: set[asyncio.Future[Any]] = {
        asyncio.create_task(start(), name="app"),
        asyncio.create_task(app.tenancies.commit_forever(app.reader), name="commit"),
        asyncio.create_task(_retake(app), name="retake"),
        asyncio.create_task(stopping.wait(), name="stopping"),
    }
    try:
        done, _ = await asyncio.wait({*tasks, app.tenancies.held.failed}, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
        if app.crash_reason is not None:
            raise app.crash_reason
        if not stopping.is_set():
            raise BrokerError("The stream engine stopped by itself; the log says why.")
    finally:
        # Faust does not end what it is still starting, and would wait for it for ever.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), STOP_SECONDS)
        await app.tenancies.release(app.reader, STOP_SECONDS)
        await app.stop()
        for task in {*tasks, app.tenancies.held.failed}:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _beat(stats: WorkerStats) -> None:
    """Show that the event loop turns."""
    while True:
        stats.heartbeats["loop"] = time.time()
        await asyncio.sleep(BEAT_SECONDS)


async def _retake(app: App) -> None:
    """Take partitions again that another worker had claimed by mistake, and no longer has."""
    while True:
        await asyncio.sleep(0.5)
        if places := app.tenancies.held.lost():
            await app.reader.retake(places)
