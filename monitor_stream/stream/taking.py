"""Taking partitions: claim them in the store, load what it holds, and seek to where that stands."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping

from monitor_stream.errors import StoreError, TopicsError
from monitor_stream.events.fold import Fold, Seat, Topic
from monitor_stream.events.spec import Specs
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName, Holding, Store
from monitor_stream.stream.broker import Log
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.moments import Observer
from monitor_stream.stream.patience import Patience
from monitor_stream.stream.places import INPUTS, Key, Place, describe, inputs, key_of
from monitor_stream.stream.tenancy import Tenancy
from monitor_stream.topics.plan import unequal

log = logging.getLogger(__name__)


class Taker:
    """Takes partitions for one worker. `owner` is what it claims them as, different in each process."""

    def __init__(
        self,
        settings: Settings,
        *,
        owner: str,
        store: Store,
        folds: Mapping[FoldName, type[Fold]],
        specs: Specs,
        stats: WorkerStats,
        patience: Patience,
        on: Observer,
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._store = store
        self._folds = folds
        self._specs = specs
        self._stats = stats
        self._patience = patience
        self._on = on
        self._trouble = ""

    async def take(self, kafka: Log, keys: list[Key]) -> dict[Key, Tenancy]:
        """Claim, load and seek.

        Raises `StoreError` when that takes longer than `restore_timeout_seconds`, `SchemaError` for state of another
        version, `TopicsError` when what is stored does not fit the topics.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.restore_timeout_seconds):
                counts = await self._count(kafka, {fold for fold, _ in keys})
                holdings = await asyncio.gather(*(self._claim(key) for key in keys))
                self._on("claimed")
                taken = {
                    key: self._restore(holding, counts[INPUTS[key[0]][0]])
                    for key, holding in zip(keys, holdings, strict=True)
                }
                await self._seek(kafka, taken)
        except TimeoutError:
            raise StoreError(
                f"Could not load {describe(keys)} within {self._settings.restore_timeout_seconds:g} s"
                f"{f', last because: {self._trouble}' if self._trouble else ''}. See why the store is slow, or raise "
                "restore_timeout_seconds."
            ) from None
        self._trouble = ""
        self._stats.claim_seconds.add(time.monotonic() - began)
        log.info("Took %s in %.2f s.", describe(keys), time.monotonic() - began)
        return taken

    async def _count(self, kafka: Log, folds: Iterable[FoldName]) -> dict[Topic, int]:
        """How many partitions the topics of these folds have; one of them may have grown since the start."""
        names = {role: self._settings.topic(role) for fold in folds for role in INPUTS[fold]}
        counts = {role: await kafka.partitions(name) for role, name in names.items()}
        if counts.get("predictions") != counts.get("labels"):
            raise TopicsError(unequal(names, counts["predictions"], counts["labels"]))
        return counts

    async def _claim(self, key: Key) -> Holding:
        """Claim, again if need be: a store that restarts may be back before the time is up."""
        while True:
            try:
                return await self._store.claim(*key, self._owner)
            except StoreError as error:
                self._stats.claim_failures += 1
                self._trouble = str(error)
                log.warning("%s; trying again.", self._trouble.rstrip("."))
                await asyncio.sleep(self._patience.reclaim_seconds)

    def _restore(self, holding: Holding, partitions: int) -> Tenancy:
        key = key_of(holding.claim)
        roles = INPUTS[key[0]]
        if holding.partitions not in {0, partitions}:
            raise TopicsError(
                f"Topic {self._settings.topic(roles[0])} has {partitions} partitions, and had {holding.partitions} "
                "when its records were counted. Keys lie in other partitions now: labels would miss their predictions, "
                "and a model would be judged in two places. To go on with the new number, stop all workers and start "
                "clean from the log: monitor-stream rebuild."
            )
        if holding.attempt is not None:
            log.warning(
                "Offsets %d to %d of the %s of %s were being applied when a worker ended, or its fold failed; they are "
                "read with care.",
                holding.attempt.first,
                holding.attempt.end - 1,
                holding.attempt.topic,
                describe([key]),
            )
        seat = Seat(partition=key[1], partitions=partitions, epoch=holding.claim.epoch)
        fold = self._folds[key[0]].restore(holding.state, seat, self._specs, self._settings.limits)
        return Tenancy(holding, fold, roles, partitions)

    async def _seek(self, kafka: Log, taken: Mapping[Key, Tenancy]) -> None:
        places = {place: (key, role) for key in taken for place, role in inputs(self._settings, key).items()}
        bounds = await kafka.bounds(places)
        for place, (key, role) in places.items():
            self._start(place, taken[key], role, *bounds[place])
            self._stats.note(place, taken[key].offsets[role], bounds[place][1])
        await kafka.seek_all({place: taken[key].offsets[role] for place, (key, role) in places.items()})

    def _start(self, place: Place, tenancy: Tenancy, role: Topic, first: int, end: int) -> None:
        """Begin at the stored offset, or at the first there is."""
        if not tenancy.is_stored(role):
            tenancy.offsets[role] = first
            return
        stored = tenancy.offsets[role]
        if stored > end:
            raise TopicsError(
                f"Topic {place[0]}, partition {place[1]}, ends at offset {end}, but {stored} records of it were read: "
                "it was made anew, or lost data. Start clean from the log: monitor-stream rebuild."
            )
        if first > stored:
            tenancy.miss(role, first)
