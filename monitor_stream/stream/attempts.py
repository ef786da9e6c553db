"""Feeding a fold what may crash it: each piece is told to the store first, and what crashed too often is set aside."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import msgspec

from monitor_stream.errors import PoisonError
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Attempt, Store
from monitor_stream.stream.broker import Log
from monitor_stream.stream.committing import Committer
from monitor_stream.stream.feeding import Feeder
from monitor_stream.stream.fetch import Fetch
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.held import Held
from monitor_stream.stream.moments import Observer
from monitor_stream.stream.patience import Patience, insist
from monitor_stream.stream.pieces import Piece
from monitor_stream.stream.places import Place, key_of
from monitor_stream.stream.tenancy import Tenancy

log = logging.getLogger(__name__)

#: Records set aside one behind the other before the worker ends: then it is hardly they that are to blame.
MAX_IN_A_ROW: Final = 20


class Attempts:
    """See `monitor_stream.stream.pieces` for what is told, and `docs/design/folds.md` for why."""

    def __init__(
        self,
        settings: Settings,
        held: Held,
        *,
        feeder: Feeder,
        committer: Committer,
        store: Store,
        stats: WorkerStats,
        patience: Patience,
        on: Observer,
    ) -> None:
        self._settings = settings
        self._held = held
        self._feeder = feeder
        self._committer = committer
        self._store = store
        self._stats = stats
        self._patience = patience
        self._on = on
        #: One attempt at a time: should the process die of it, no other is under way that could be blamed.
        self._lock = asyncio.Lock()
        self._rows: dict[
            Place, tuple[int, int]
        ] = {}  # the offset behind what was set aside last, and how many in a row

    async def feed(self, kafka: Log, fetch: Fetch) -> Fetch | None:
        """Feed a fold piece by piece; returns what is left of a tenancy that was lost."""
        rest: Fetch | None = fetch
        while rest is not None and fetch.tenancy in self._held:
            piece = fetch.tenancy.next_piece(rest.batch, self._settings.poison_attempts)
            part, rest = rest.part(piece.count)
            if await self._feed(part, piece):
                self._on("applied")
                if piece.poison:
                    await kafka.advise({self._place(part): fetch.tenancy.offsets[part.batch.topic]})
        self._held.hurry.set()  # a commit ends the need for care
        return rest

    async def _feed(self, part: Fetch, piece: Piece) -> bool:
        if piece.attempt is None:
            return self._feeder.feed(part)
        async with self._lock, part.tenancy.lock:
            return await self._attempt(part, piece.attempt, poison=piece.poison)

    async def _attempt(self, fetch: Fetch, attempt: Attempt, *, poison: bool) -> bool:
        """Tell the store, apply and see the changes, tell the store: whatever crashes in between, it was these records.

        Poison is committed at once: what follows may crash too, and must not bring it back.
        """
        tenancy = fetch.tenancy
        if tenancy.untold and not self._feeder.tell(tenancy):
            return False
        if poison and self._is_one_too_many(fetch):
            return False
        if not await self._note(tenancy, attempt):
            return False
        if poison:
            fetch = self._set_aside(fetch, attempt.number - 1)
        if not (self._feeder.feed(fetch) and self._feeder.tell(tenancy)):
            return False
        if poison:
            commit = tenancy.prepare(time.time())
            if commit is not None and not await self._committer.write(tenancy, commit):
                return False
            self._count(fetch)
        return await self._note(tenancy, None)

    async def _note(self, tenancy: Tenancy, attempt: Attempt | None) -> bool:
        """Tell the store which attempt is under way, for as long as it takes; False when the tenancy was lost."""
        noted = await insist(
            lambda: self._store.attempt(tenancy.claim, attempt),
            wanted=lambda: tenancy in self._held,
            patience=self._patience,
            stats=self._stats,
        )
        if noted is False and tenancy in self._held:
            self._held.lose(tenancy)
        return bool(noted) and tenancy in self._held

    def _in_a_row(self, fetch: Fetch) -> int:
        """How many records right before this one were set aside."""
        behind, count = self._rows.get(self._place(fetch), (0, 0))
        return count if behind == fetch.batch.offsets[0] else 0

    def _count(self, poison: Fetch) -> None:
        self._rows[self._place(poison)] = (poison.batch.offsets[0] + 1, self._in_a_row(poison) + 1)

    def _is_one_too_many(self, poison: Fetch) -> bool:
        """Whether so many records in a row were set aside that the worker ends, for somebody to look at it."""
        if self._in_a_row(poison) < MAX_IN_A_ROW:
            return False
        topic, partition = self._place(poison)
        error = PoisonError(
            f"Topic {topic}, partition {partition}: the {MAX_IN_A_ROW} records before offset {poison.batch.offsets[0]} "
            "were set aside, each after it had crashed the code that read it. Rather that code is to blame: the log has "
            "the tracebacks. Run the version before, and send the dead letters again: monitor-stream deadletters "
            "replay. A start of this version goes on setting aside."
        )
        self._held.give_up(poison.tenancy, error, "crashed on too many records in a row")
        return True

    def _set_aside(self, fetch: Fetch, crashes: int) -> Fetch:
        """The record that crashes whoever looks into it, as one that the fold makes a dead letter of."""
        crash = self._held.take_crash(key_of(fetch.tenancy.claim))
        log.error(
            "POISON RECORD: topic %s, partition %d, offset %d crashed the code that read it %d times. It is set aside "
            "as a dead letter.\n%s",
            *self._place(fetch),
            fetch.batch.offsets[0],
            crashes,
            "It ended the process; see how the worker before ended." if crash is None else crash.traceback,
        )
        why = "it ended the process" if crash is None else crash.summary
        detail = f"crashed {fetch.tenancy.claim.fold} {crashes} times: {why}"
        return msgspec.structs.replace(fetch, batch=msgspec.structs.replace(fetch.batch, poison=detail))

    def _place(self, fetch: Fetch) -> Place:
        return self._settings.topic(fetch.batch.topic), fetch.tenancy.claim.partition
