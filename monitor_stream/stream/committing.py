"""Committing: write what changed, publish what is on disk, tell Kafka the offsets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from monitor_stream.errors import StoreError
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Commit, Store
from monitor_stream.stream.broker import Log, Outlet
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.held import Held
from monitor_stream.stream.moments import Observer
from monitor_stream.stream.patience import Patience, insist
from monitor_stream.stream.places import Place
from monitor_stream.stream.tenancy import Tenancy

log = logging.getLogger(__name__)


class Committer:
    """Commits what is held."""

    def __init__(
        self,
        settings: Settings,
        held: Held,
        *,
        store: Store,
        outlet: Outlet,
        stats: WorkerStats,
        patience: Patience,
        on: Observer,
    ) -> None:
        self._settings = settings
        self._held = held
        self._store = store
        self._outlet = outlet
        self._stats = stats
        self._patience = patience
        self._on = on

    async def commit_forever(self, kafka: Log) -> None:
        """Commit every `commit_interval_seconds`, and at once where somebody is in a hurry."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.commit_interval_seconds):
                    await self._held.hurry.wait()
            self._held.hurry.clear()
            try:
                await self.commit(kafka)
            except Exception as error:  # a fold that cannot tell its changes, a broker that refuses a message
                self._held.fail(error)
                raise

    async def commit(self, kafka: Log) -> None:
        """Commit all partitions held."""
        done = await asyncio.gather(*(self._commit_one(tenancy) for tenancy in self._held))
        if offsets := {place: offset for written in done for place, offset in written.items()}:
            await kafka.advise(offsets)
        now = time.time()
        self._stats.heartbeats["commit"] = self._stats.heartbeats["publish"] = now

    async def _commit_one(self, tenancy: Tenancy) -> dict[Place, int]:
        """Returns the offsets that were written."""
        async with tenancy.lock:
            if tenancy not in self._held:
                return {}
            read = tenancy.untold
            try:
                commit = tenancy.prepare(time.time())
            except Exception as error:  # noqa: BLE001  # whatever it is, the fold is spoilt
                self._held.blame(tenancy, error, read=read)
                return {}
            if commit is not None and not await self.write(tenancy, commit):
                return {}
            await self._publish(tenancy)
            if commit is None:
                return {}
            partition = tenancy.claim.partition
            return {(self._settings.topic(role), partition): commit.offsets[role] for role in tenancy.offsets}

    async def write(self, tenancy: Tenancy, commit: Commit) -> bool:
        """Write until it is written or refused: after an error nobody knows which, so the same commit goes again."""
        began = time.monotonic()

        async def write() -> bool:
            try:
                return await self._store.commit(tenancy.claim, commit)
            except StoreError:
                self._stats.commit_failures += 1
                raise

        written = await insist(
            write, wanted=lambda: tenancy in self._held, patience=self._patience, stats=self._stats
        )
        if written:
            self._note_written(tenancy, commit, time.monotonic() - began)
        elif written is not None:
            self._held.lose(tenancy)
        return bool(written)

    def _note_written(self, tenancy: Tenancy, commit: Commit, seconds: float) -> None:
        for missed in tenancy.committed():
            topic = self._settings.topic(missed.topic)
            self._stats.records_lost[topic] += missed.end - missed.first
            log.error(
                "LOST RECORDS: topic %s, partition %d, was read up to offset %d and now begins at %d. Retention removed "
                "%d records that were never counted.",
                topic,
                tenancy.claim.partition,
                missed.first,
                missed.end,
                missed.end - missed.first,
            )
        self._on("committed")
        self._held.room.set()
        self._stats.commit_seconds.add(seconds)
        self._stats.commit_bytes += size(commit)
        self._stats.last_commit = time.time()

    async def _publish(self, tenancy: Tenancy) -> None:
        messages = tenancy.unpublished
        self._stats.unpublished[tenancy.claim.fold] = len(messages)
        if messages:
            await self._outlet.publish(messages)
            self._on("published")
            tenancy.published(len(messages))
            self._stats.unpublished[tenancy.claim.fold] = 0
            self._stats.records_produced.update(self._settings.topic(message.topic) for message in messages)


def size(commit: Commit) -> int:
    """Bytes of state, documents and messages in a commit."""
    return (
        sum(len(name) + len(value) for name, value in commit.changes.puts.items())
        + sum(len(name) + len(data) for name, data in commit.results.items() if data is not None)
        + sum(len(message.value) + len(message.key or b"") for _, message in commit.outbox)
    )
