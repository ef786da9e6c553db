"""A worker's whole work on its partitions: takes them, feeds their folds, commits, publishes, and lets go of them.

Each of these has a file of its own; here they meet.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable, Mapping

from monitor_stream.errors import MonitorStreamError
from monitor_stream.events.fold import Batch, Fold
from monitor_stream.events.spec import Specs
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName, Store
from monitor_stream.stream.attempts import Attempts
from monitor_stream.stream.broker import Log, Outlet
from monitor_stream.stream.committing import Committer
from monitor_stream.stream.feeding import Feeder
from monitor_stream.stream.fetch import Fetch
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.held import Held
from monitor_stream.stream.moments import Observer, nobody
from monitor_stream.stream.patience import Patience
from monitor_stream.stream.places import Place, by_fold, roles
from monitor_stream.stream.taking import Taker

log = logging.getLogger(__name__)


class Tenancies:
    """See the module's docstring. Runs in one event loop; `take` runs while nothing is being fetched."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        outlet: Outlet,
        folds: Mapping[FoldName, type[Fold]],
        specs: Specs,
        stats: WorkerStats,
        on: Observer = nobody,
        patience: Patience | None = None,
    ) -> None:
        patience = patience or Patience()
        self._settings = settings
        self._roles = roles(settings)
        self._stats = stats
        self._on = on
        #: What was taken, and not let go of.
        self.held = Held(settings, stats, patience)
        self._taker = Taker(
            settings,
            owner=uuid.uuid4().hex,
            store=store,
            folds=folds,
            specs=specs,
            stats=stats,
            patience=patience,
            on=on,
        )
        self._feeder = Feeder(settings, self.held, stats)
        self._committer = Committer(
            settings, self.held, store=store, outlet=outlet, stats=stats, patience=patience, on=on
        )
        self._attempts = Attempts(
            settings,
            self.held,
            feeder=self._feeder,
            committer=self._committer,
            store=store,
            stats=stats,
            patience=patience,
            on=on,
        )

    async def take(self, kafka: Log, assigned: Iterable[Place]) -> None:
        """Claim, load and seek. What was held of these partitions is dropped. Raises what `Taker.take` does."""
        partitions = by_fold(self._settings, assigned)
        keys = [(fold, partition) for fold, of_fold in partitions.items() for partition in sorted(of_fold)]
        for key in keys:
            self.held.drop_key(key)
        self.held.add(await self._taker.take(kafka, keys))
        self._on("taken")

    def stamp(
        self,
        place: Place,
        offsets: list[int],
        timestamps: list[float],
        values: list[bytes | None],
        *,
        position: int,
        end: int,
        told: float,
    ) -> Fetch | None:
        """A fetch as the fold will see it, or None when the partition is not held."""
        fold, role = self._roles[place[0]]
        tenancy = self.held.get((fold, place[1]))
        if tenancy is None:
            self._stats.records_stale += len(offsets)
            return None
        batch = Batch(
            topic=role, offsets=offsets, timestamps=timestamps, values=values, ended=position >= end
        )
        return Fetch(tenancy, batch, position, end, told)

    async def apply(self, kafka: Log, fetch: Fetch) -> None:
        """Feed a fold, once there is room. A fetch from before the last claim is dropped: it will be read again."""
        tenancy, batch = fetch.tenancy, fetch.batch
        while tenancy in self.held and self.held.is_full and not self.held.leaving:
            self.held.room.clear()
            self.held.hurry.set()
            await self.held.room.wait()
        if tenancy.gap(batch) > 1:  # one offset is the mark of a transaction
            await self._look_for_loss(kafka, fetch)
        rest: Fetch | None = fetch
        if self.held.leaving:
            pass  # the heir reads it
        elif tenancy.is_careful(batch.topic) and batch.offsets:
            rest = await self._attempts.feed(kafka, fetch)
        elif tenancy in self.held:
            rest = None
            if self._feeder.feed(fetch):
                self._on("applied")
        if rest is not None:
            self._stats.records_stale += len(rest.batch.offsets)
        await asyncio.sleep(0)  # others want the loop too

    async def _look_for_loss(self, kafka: Log, fetch: Fetch) -> None:
        """Find out whether offsets are missing because retention overtook us."""
        role = fetch.batch.topic
        place = (self._settings.topic(role), fetch.tenancy.claim.partition)
        first = (await kafka.bounds([place]))[place][0]
        fetch.tenancy.miss(role, min(first, fetch.batch.offsets[0]))

    async def commit_forever(self, kafka: Log) -> None:
        """See `Committer`."""
        await self._committer.commit_forever(kafka)

    async def commit(self, kafka: Log) -> None:
        """See `Committer`."""
        await self._committer.commit(kafka)

    async def release(self, kafka: Log, seconds: float) -> None:
        """Take nothing in, commit and publish what is held, within so many seconds, and let go of it; never raises."""
        self.held.leave()
        try:
            async with asyncio.timeout(seconds):
                await self.commit(kafka)
                self._on("releasing")
                await self.commit(kafka)  # forget what the first one published
        except TimeoutError:
            log.warning(
                "Let go of partitions before all was committed; it is read again from the last commit."
            )
        except MonitorStreamError as error:
            self.held.fail(error)
        self.held.forget()
