"""All that this worker holds: takes partitions, feeds them, commits, publishes, and lets go of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
import traceback
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from monitor_stream.errors import MonitorStreamError, StoreError, TopicsError
from monitor_stream.events.fold import Batch, Fold, Message, Seat, Topic
from monitor_stream.events.spec import Specs
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Attempt, Commit, FoldName, Holding, Store
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.moments import Observer, nobody
from monitor_stream.stream.tenancy import Fetch, Tenancy
from monitor_stream.topics.plan import unequal

log = logging.getLogger(__name__)

#: What each fold reads.
INPUTS: Final[Mapping[FoldName, tuple[Topic, ...]]] = {
    "observe": ("predictions", "labels"),
    "judge": ("deltas",),
}
#: Bytes of records applied and not yet committed, over all partitions; beyond it the worker waits for the store.
MAX_UNCOMMITTED_BYTES: Final = 32 << 20
#: Pause between attempts to reach the store.
RETRY_SECONDS: Final = (0.1, 5.0)
#: Least time between two claims of one partition that others claim too.
RECLAIM_SECONDS: Final = 2.0

Place = tuple[str, int]  # topic on the broker, partition
Key = tuple[FoldName, int]


class Log(Protocol):
    """What is needed of Kafka to take a partition; every call concerns partitions assigned to this worker."""

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        ...

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:
        """The first offset there is, and the end."""
        ...

    async def seek_all(self, offsets: Mapping[Place, int]) -> None:
        """Read on from these offsets; returns when nothing from before can be fetched any more."""
        ...

    async def advise(self, offsets: Mapping[Place, int]) -> None:
        """Commit offsets to Kafka, for its own lag tools; failure is only logged."""
        ...


class Outlet(Protocol):
    """Where messages go."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return once Kafka has all of them, in order; an error ends the worker."""
        ...


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
    ) -> None:
        self._settings = settings
        self._store = store
        self._outlet = outlet
        self._folds = folds
        self._specs = specs
        self._stats = stats
        self._on = on
        self._owner = uuid.uuid4().hex
        self._held: dict[Key, Tenancy] = {}
        self._roles: dict[str, tuple[FoldName, Topic]] = {
            settings.topic(role): (fold, role) for fold, roles in INPUTS.items() for role in roles
        }
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._refused: dict[Key, float] = {}
        #: One attempt at a time: should the process die of it, no other is under way that could be blamed.
        self._attempting = asyncio.Lock()
        self._crashes: dict[Key, _Crash] = {}
        self._trouble = ""
        #: Set with the first error after which this worker must end.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Taking and letting go

    async def take(self, kafka: Log, assigned: Iterable[Place]) -> None:
        """Claim, load and seek. What was held of these partitions is dropped.

        Raises `StoreError` when that takes longer than `restore_timeout_seconds`, `SchemaError` for state of another
        version, `TopicsError` when the assignment cannot be worked on.
        """
        partitions = self._by_fold(assigned)
        keys = [(fold, partition) for fold, held in partitions.items() for partition in sorted(held)]
        for key in keys:
            self._drop(key)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.restore_timeout_seconds):
                counts = await self._count(kafka, [fold for fold, held in partitions.items() if held])
                holdings = await asyncio.gather(*(self._claim(key) for key in keys))
                self._on("claimed")
                taken = await self._seek(kafka, dict(zip(keys, holdings, strict=True)), counts)
        except TimeoutError:
            raise StoreError(
                f"Could not load {_name(keys)} within {self._settings.restore_timeout_seconds:g} s"
                f"{f', last because: {self._trouble}' if self._trouble else ''}. See why the store is slow, or raise "
                "restore_timeout_seconds."
            ) from None
        self._held.update(taken)
        self._trouble = ""
        self._stats.claim_seconds.add(time.monotonic() - began)
        log.info("Took %s in %.2f s.", _name(keys), time.monotonic() - began)
        self._on("taken")

    async def _claim(self, key: Key) -> Holding:
        """Claim, again if need be: a store that restarts may be back before the time is up."""
        while True:
            try:
                return await self._store.claim(*key, self._owner)
            except StoreError as error:
                self._stats.claim_failures += 1
                self._trouble = str(error)
                log.warning("%s; trying again.", self._trouble.rstrip("."))
                await asyncio.sleep(RECLAIM_SECONDS)

    async def _seek(
        self, kafka: Log, holdings: Mapping[Key, Holding], counts: Mapping[Topic, int]
    ) -> dict[Key, Tenancy]:
        places = {
            (self._settings.topic(role), partition): (fold, partition, role)
            for fold, partition in holdings
            for role in INPUTS[fold]
        }
        bounds = await kafka.bounds(places)
        taken = {key: self._restore(holding, counts[INPUTS[key[0]][0]]) for key, holding in holdings.items()}
        targets: dict[Place, int] = {}
        for place, (fold, partition, role) in places.items():
            first, end = bounds[place]
            tenancy = taken[fold, partition]
            targets[place] = tenancy.offsets[role] = self._start(
                place, holdings[fold, partition], role, first, end
            )
            self._stats.note(place, targets[place], end)
        await kafka.seek_all(targets)
        return taken

    def _start(self, place: Place, holding: Holding, role: Topic, first: int, end: int) -> int:
        """The offset to read from: the stored one, or the first there is."""
        stored = holding.offsets.get(role)
        if stored is None:
            return first
        if stored > end:
            raise TopicsError(
                f"Topic {place[0]}, partition {place[1]}, ends at offset {end}, but {stored} records of it were read: "
                "it was made anew, or lost data. Start clean from the log: monitor-stream rebuild."
            )
        self._note_lost(place, stored, first)
        return max(stored, first)

    def _restore(self, holding: Holding, partitions: int) -> Tenancy:
        claim = holding.claim
        roles = INPUTS[claim.fold]
        seat = Seat(
            partition=claim.partition,
            partitions=partitions,
            epoch=claim.epoch,
        )
        if holding.partitions not in {0, seat.partitions}:
            raise TopicsError(
                f"Topic {self._settings.topic(roles[0])} has {seat.partitions} partitions, and had {holding.partitions} "
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
                _name([(claim.fold, claim.partition)]),
            )
        fold = self._folds[claim.fold].restore(holding.state, seat, self._specs, self._settings.limits)
        return Tenancy(holding, fold, roles, seat.partitions)

    def _by_fold(self, assigned: Iterable[Place]) -> dict[FoldName, set[int]]:
        partitions: dict[Topic, set[int]] = {role: set() for roles in INPUTS.values() for role in roles}
        for topic, partition in assigned:
            if topic in self._roles:
                partitions[self._roles[topic][1]].add(partition)
        if partitions["predictions"] != partitions["labels"]:
            raise TopicsError(
                f"This worker was given partitions {sorted(partitions['predictions'])} of the predictions and "
                f"{sorted(partitions['labels'])} of the labels, which must be the same. Every worker of the group "
                f"{self._settings.application} must run this version and read the same topics."
            )
        return {fold: partitions[roles[0]] for fold, roles in INPUTS.items()}

    async def _count(self, kafka: Log, folds: Iterable[FoldName]) -> dict[Topic, int]:
        """How many partitions the topics of these folds have; one of them may have grown since the start."""
        names = {role: self._settings.topic(role) for fold in folds for role in INPUTS[fold]}
        counts = {role: await kafka.partitions(name) for role, name in names.items()}
        if counts.get("predictions") != counts.get("labels"):
            raise TopicsError(unequal(names, counts["predictions"], counts["labels"]))
        return counts

    async def release(self, kafka: Log, seconds: float) -> None:
        """Commit and publish what is held, within so many seconds, and let go of it; never raises."""
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
            self.fail(error)
        self.forget()

    def forget(self) -> None:
        """Let go of everything, uncommitted."""
        for key in list(self._held):
            self._drop(key)
        self._stats.store_waiting = False

    def _drop(self, key: Key) -> None:
        self._held.pop(key, None)
        for role in INPUTS[key[0]]:
            self._stats.forget((self._settings.topic(role), key[1]))
        self._room.set()

    def places(self) -> dict[Place, int]:
        """What is held, with the next offset to apply. May be called from any thread."""
        return {
            (self._settings.topic(role), partition): offset
            for (_, partition), tenancy in self._held.copy().items()
            for role, offset in tenancy.offsets.copy().items()
        }

    def note_ends(self, ends: Mapping[Place, int]) -> None:
        """Learn where partitions end, also while nothing comes of them."""
        for place, offset in self.places().items():
            if place in ends:
                self._stats.note(place, offset, ends[place])

    # Feeding

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
        tenancy = self._held.get((fold, place[1]))
        if tenancy is None:
            self._stats.records_stale += len(offsets)
            return None
        batch = Batch(
            topic=role, offsets=offsets, timestamps=timestamps, values=values, ended=position >= end
        )
        return Fetch(tenancy, batch, position, end, told)

    async def apply(self, kafka: Log, fetch: Fetch) -> None:
        """Feed a fold, once there is room. A fetch from before the last claim is dropped: it will be read again."""
        tenancy = fetch.tenancy
        while self._holds(tenancy) and self._uncommitted() > MAX_UNCOMMITTED_BYTES:
            self._room.clear()
            self._wake.set()
            await self._room.wait()
        if tenancy.gap(fetch.batch) > 1:  # one offset is the mark of a transaction
            await self._note_gap(kafka, fetch)
        rest: Fetch | None = fetch
        if tenancy.is_careful(fetch.batch.topic) and fetch.batch.offsets:
            rest = await self._feed_carefully(kafka, fetch)
        elif self._holds(tenancy):
            rest = None
            if self._feed(fetch):
                self._on("applied")
        if rest is not None:
            self._stats.records_stale += len(rest.batch.offsets)
        await asyncio.sleep(0)  # others want the loop too

    async def _feed_carefully(self, kafka: Log, fetch: Fetch) -> Fetch | None:
        """Feed a fold what may crash it, piece by piece; returns what is left of a tenancy that was lost."""
        rest: Fetch | None = fetch
        while rest is not None and self._holds(fetch.tenancy):
            piece = fetch.tenancy.next_piece(rest.batch, self._settings.poison_attempts)
            part, rest = rest.part(piece.count)
            if piece.attempt is None:
                survived = self._feed(part)
            else:
                async with self._attempting, fetch.tenancy.lock:
                    survived = await self._attempt(part, piece.attempt, poison=piece.poison)
                if survived and piece.poison:
                    await kafka.advise({self._place(part): fetch.tenancy.offsets[part.batch.topic]})
            if survived:
                self._on("applied")
        self._wake.set()  # a commit ends the need for care
        return rest

    async def _attempt(self, fetch: Fetch, attempt: Attempt, *, poison: bool) -> bool:
        """Tell the store, apply and see the changes, tell the store: whatever crashes in between, it was these records.

        Poison is committed at once: what follows may crash too, and must not bring it back.
        """
        tenancy = fetch.tenancy
        if tenancy.untold and not self._tell(tenancy):
            return False
        if not await self._note(tenancy, attempt):
            return False
        if poison:
            fetch = self._set_aside(fetch, attempt.number - 1)
        if not (self._feed(fetch) and self._tell(tenancy)):
            return False
        if poison:
            commit = tenancy.prepare(time.time())
            if commit is not None and not await self._write(tenancy, commit):
                return False
        return await self._note(tenancy, None)

    async def _note(self, tenancy: Tenancy, attempt: Attempt | None) -> bool:
        """Tell the store which attempt is under way, for as long as it takes; False when the tenancy was lost."""
        pause = RETRY_SECONDS[0]
        while self._holds(tenancy):
            try:
                noted = await self._store.attempt(tenancy.claim, attempt)
            except StoreError as error:
                self._stats.store_waiting = True
                log.warning("%s; trying again in %.1f s.", str(error).rstrip("."), pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_SECONDS[1])
                continue
            self._stats.store_waiting = False
            if not noted and self._holds(tenancy):
                self._lose(tenancy)
            return noted and self._holds(tenancy)
        self._stats.store_waiting = False
        return False

    def _set_aside(self, fetch: Fetch, crashes: int) -> Fetch:
        """The record that crashes whoever looks into it, as one that the fold makes a dead letter of."""
        topic, partition = self._place(fetch)
        crash = self._crashes.pop((fetch.tenancy.claim.fold, partition), None)
        log.error(
            "POISON RECORD: topic %s, partition %d, offset %d crashed the code that read it %d times. It is set aside "
            "as a dead letter.\n%s",
            topic,
            partition,
            fetch.batch.offsets[0],
            crashes,
            "It ended the process; see how the worker before ended." if crash is None else crash.traceback,
        )
        why = "it ended the process" if crash is None else crash.summary
        detail = f"crashed {fetch.tenancy.claim.fold} {crashes} times: {why}"
        return msgspec.structs.replace(fetch, batch=msgspec.structs.replace(fetch.batch, poison=detail))

    def _place(self, fetch: Fetch) -> Place:
        return self._settings.topic(fetch.batch.topic), fetch.tenancy.claim.partition

    async def _note_gap(self, kafka: Log, fetch: Fetch) -> None:
        """Find out whether offsets are missing because retention overtook us."""
        place = (self._settings.topic(fetch.batch.topic), fetch.tenancy.claim.partition)
        following = fetch.tenancy.offsets[fetch.batch.topic]
        bounds = await kafka.bounds([place])
        self._note_lost(place, following, min(bounds[place][0], fetch.batch.offsets[0]))

    def _note_lost(self, place: Place, following: int, first: int) -> None:
        if first <= following:
            return
        self._stats.records_lost[place[0]] += first - following
        log.error(
            "LOST RECORDS: topic %s, partition %d, was read up to offset %d and now begins at %d. Retention removed "
            "%d records that were never counted.",
            *place,
            following,
            first,
            first - following,
        )

    def _feed(self, fetch: Fetch) -> bool:
        """False: the fold failed, and the tenancy is given up."""
        tenancy, batch = fetch.tenancy, fetch.aged(time.time()).batch
        fold = tenancy.claim.fold
        began = time.perf_counter()
        try:
            taken, known = tenancy.apply(batch, fetch.position)
        except Exception as error:  # noqa: BLE001  # whatever it is, the fold is spoilt
            if batch.offsets and not batch.poison:
                what = f"failed on offsets {batch.offsets[0]} to {batch.offsets[-1]} of its {batch.topic}"
                self._restart(tenancy, error, what)
            else:
                self._give_up(tenancy, error, "failed without looking into a record")
            return False
        topic, partition = self._place(fetch)
        self._stats.batch_seconds[fold].add(time.perf_counter() - began)
        self._stats.records_consumed[topic] += taken
        self._stats.records_skipped += known
        self._stats.heartbeats[fold] = time.time()
        self._stats.note((topic, partition), tenancy.offsets[batch.topic], fetch.end)
        return True

    def _tell(self, tenancy: Tenancy) -> bool:
        """Have the fold tell its changes. False: it failed, and the tenancy is given up."""
        read = tenancy.untold
        try:
            tenancy.tell(time.time())
        except Exception as error:  # noqa: BLE001  # whatever it is, the fold is spoilt
            self._fail_to_tell(tenancy, error, read=read)
            return False
        return True

    def _fail_to_tell(self, tenancy: Tenancy, error: Exception, *, read: bool) -> None:
        if read:
            self._restart(tenancy, error, "could not tell its changes")
        else:
            self._give_up(tenancy, error, "could not tell its changes, and had read nothing new")

    def _restart(self, tenancy: Tenancy, error: Exception, what: str) -> None:
        """Drop the fold, whose memory may be half a batch ahead of its offsets; it is taken again as of its last commit.

        A record is to blame; `Piece` says how it is found.
        """
        key = (tenancy.claim.fold, tenancy.claim.partition)
        crash = self._crashes[key] = _Crash(error)
        log.warning(
            "The fold of %s %s (%s). It goes back to its last commit.", _name([key]), what, crash.summary
        )
        self._drop(key)
        self._refused[key] = -math.inf

    def _give_up(self, tenancy: Tenancy, error: Exception, what: str) -> None:
        """End this worker: no record is to blame. What the fold has in memory is never committed."""
        key = (tenancy.claim.fold, tenancy.claim.partition)
        log.error("The fold of %s %s.", _name([key]), what, exc_info=error)
        self._drop(key)
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End this worker with an error."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def _holds(self, tenancy: Tenancy) -> bool:
        return self._held.get((tenancy.claim.fold, tenancy.claim.partition)) is tenancy

    def _uncommitted(self) -> int:
        return sum(tenancy.uncommitted for tenancy in self._held.values())

    # Committing

    async def commit_forever(self, kafka: Log) -> None:
        """Commit every `commit_interval_seconds`, and as soon as much is waiting."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.commit_interval_seconds):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.commit(kafka)
            except Exception as error:  # a fold that cannot tell its changes, a broker that refuses a message
                self.fail(error)
                raise

    async def commit(self, kafka: Log) -> None:
        """Write what changed in all partitions held, publish what may be published, tell Kafka the offsets."""
        done = await asyncio.gather(*(self._commit_one(tenancy) for tenancy in list(self._held.values())))
        if offsets := {place: offset for written in done for place, offset in written.items()}:
            await kafka.advise(offsets)
        now = time.time()
        self._stats.heartbeats["commit"] = self._stats.heartbeats["publish"] = now

    async def _commit_one(self, tenancy: Tenancy) -> dict[Place, int]:
        """Returns the offsets that were written."""
        async with tenancy.lock:
            if not self._holds(tenancy):
                return {}
            read = tenancy.untold
            try:
                commit = tenancy.prepare(time.time())
            except Exception as error:  # noqa: BLE001  # whatever it is, the fold is spoilt
                self._fail_to_tell(tenancy, error, read=read)
                return {}
            if commit is not None and not await self._write(tenancy, commit):
                return {}
            await self._publish(tenancy)
            if commit is None:
                return {}
            return {
                (self._settings.topic(role), tenancy.claim.partition): commit.offsets[role]
                for role in tenancy.offsets
            }

    async def _write(self, tenancy: Tenancy, commit: Commit) -> bool:
        """Write until it is written or refused: after an error nobody knows which, so the same commit goes again."""
        began, pause = time.monotonic(), RETRY_SECONDS[0]
        while self._holds(tenancy):
            try:
                written = await self._store.commit(tenancy.claim, commit)
            except StoreError as error:
                self._stats.commit_failures += 1
                self._stats.store_waiting = True
                log.warning("%s; trying again in %.1f s.", str(error).rstrip("."), pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_SECONDS[1])
                continue
            self._stats.store_waiting = False
            if not written:
                self._lose(tenancy)
                return False
            tenancy.committed()
            self._on("committed")
            self._room.set()
            self._stats.commit_seconds.add(time.monotonic() - began)
            self._stats.commit_bytes += size(commit)
            self._stats.last_commit = time.time()
            return True
        self._stats.store_waiting = False
        return False

    async def _publish(self, tenancy: Tenancy) -> None:
        messages = tenancy.unpublished
        self._stats.unpublished[tenancy.claim.fold] = len(messages)
        if messages:
            await self._outlet.publish(messages)
            self._on("published")
            tenancy.published(len(messages))
            self._stats.unpublished[tenancy.claim.fold] = 0
            self._stats.records_produced.update(self._settings.topic(message.topic) for message in messages)

    def _lose(self, tenancy: Tenancy) -> None:
        key = (tenancy.claim.fold, tenancy.claim.partition)
        log.warning("The claim on %s was taken over; dropping what is held of it.", _name([key]))
        self._stats.commits_refused += 1
        self._drop(key)
        self._refused[key] = time.monotonic()

    def lost(self) -> list[Place]:
        """Partitions whose commit was refused a while ago: to be taken again, if still assigned."""
        due = [key for key, at in self._refused.items() if time.monotonic() - at >= RECLAIM_SECONDS]
        for key in due:
            del self._refused[key]
        return [(self._settings.topic(role), key[1]) for key in due for role in INPUTS[key[0]]]

    def drop(self, places: Iterable[Place]) -> None:
        """Forget what is held of these partitions, uncommitted."""
        for fold, partitions in self._by_fold(places).items():
            for partition in partitions:
                self._drop((fold, partition))


def size(commit: Commit) -> int:
    """Bytes of state, documents and messages in a commit."""
    return (
        sum(len(name) + len(value) for name, value in commit.changes.puts.items())
        + sum(len(name) + len(data) for name, data in commit.results.items() if data is not None)
        + sum(len(message.value) + len(message.key or b"") for _, message in commit.outbox)
    )


class _Crash:
    """What is kept of an exception: its traceback holds on to all that the fold had in memory."""

    def __init__(self, error: Exception) -> None:
        self.summary: Final = traceback.format_exception_only(error)[-1].strip()
        self.traceback: Final = "".join(traceback.format_exception(error)).rstrip()


def _name(keys: Collection[Key]) -> str:
    return ", ".join(f"{fold}/{partition}" for fold, partition in keys) or "nothing"
