"""What this worker holds, and every way in which it loses some of it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from monitor_stream.settings import Settings
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.patience import Patience
from monitor_stream.stream.places import Key, Place, by_fold, describe, inputs, key_of
from monitor_stream.stream.tenancy import Tenancy

log = logging.getLogger(__name__)


class Crash:
    """What is kept of an exception: its traceback holds on to all that the fold had in memory."""

    def __init__(self, error: Exception) -> None:
        self.summary: Final = traceback.format_exception_only(error)[-1].strip()
        self.traceback: Final = "".join(traceback.format_exception(error)).rstrip()


class Held:
    """The tenancies of a worker.

    One ends without a commit when it is dropped (revoked, or taken anew), when another worker has taken the claim over
    (`lose`), and when its fold fails: over a record (`restart`), or for no reason that a record could give (`give_up`),
    which ends the worker.
    """

    def __init__(self, settings: Settings, stats: WorkerStats, patience: Patience) -> None:
        self._settings = settings
        self._stats = stats
        self._patience = patience
        self._tenancies: dict[Key, Tenancy] = {}
        self._refused: dict[Key, float] = {}
        self._crashes: dict[Key, Crash] = {}
        #: What is held is being let go of: what comes now would be applied after the last commit, and read again.
        self.leaving = False
        #: Asks for a commit at once.
        self.hurry: Final = asyncio.Event()
        #: Set when there may be room for more that is not committed.
        self.room: Final = asyncio.Event()
        #: Set with the first error after which this worker must end.
        self.failed: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()

    def __iter__(self) -> Iterator[Tenancy]:
        return iter(list(self._tenancies.values()))

    def __contains__(self, tenancy: Tenancy) -> bool:
        return self._tenancies.get(key_of(tenancy.claim)) is tenancy

    def get(self, key: Key) -> Tenancy | None:
        """The tenancy of a (fold, partition), if it is held."""
        return self._tenancies.get(key)

    def add(self, taken: Mapping[Key, Tenancy]) -> None:
        """Hold what was taken."""
        self._tenancies.update(taken)
        self.leaving = False

    @property
    def is_full(self) -> bool:
        """Whether as much is applied and not committed as may be."""
        uncommitted = sum(tenancy.uncommitted for tenancy in self._tenancies.values())
        return uncommitted > self._patience.max_uncommitted_bytes

    def places(self) -> dict[Place, int]:
        """What is held, with the next offset to apply. May be called from any thread."""
        return {
            (self._settings.topic(role), partition): offset
            for (_, partition), tenancy in self._tenancies.copy().items()
            for role, offset in tenancy.offsets.copy().items()
        }

    def note_ends(self, ends: Mapping[Place, int]) -> None:
        """Learn where partitions end, also while nothing comes of them."""
        for place, offset in self.places().items():
            if place in ends:
                self._stats.note(place, offset, ends[place])

    # Letting go

    def leave(self) -> None:
        """Begin to let go of everything: take nothing in any more."""
        self.leaving = True
        self.room.set()

    def drop_key(self, key: Key) -> None:
        """Let go of a (fold, partition), uncommitted."""
        self._tenancies.pop(key, None)
        for place in inputs(self._settings, key):
            self._stats.forget(place)
        self.room.set()

    def drop(self, places: Iterable[Place]) -> None:
        """Let go of these partitions, uncommitted."""
        for fold, partitions in by_fold(self._settings, places).items():
            for partition in partitions:
                self.drop_key((fold, partition))

    def forget(self) -> None:
        """Let go of everything, uncommitted."""
        for key in list(self._tenancies):
            self.drop_key(key)
        self._stats.store_waiting = False

    # Losing

    def lose(self, tenancy: Tenancy) -> None:
        """Drop what another worker has claimed."""
        key = key_of(tenancy.claim)
        log.warning("The claim on %s was taken over; dropping what is held of it.", describe([key]))
        self._stats.commits_refused += 1
        self.drop_key(key)
        self._refused[key] = time.monotonic()

    def restart(self, tenancy: Tenancy, error: Exception, what: str) -> None:
        """Drop a fold whose memory may be half a batch ahead of its offsets; it is taken again as of its last commit.

        A record is to blame; `Piece` says how it is found.
        """
        key = key_of(tenancy.claim)
        crash = self._crashes[key] = Crash(error)
        log.warning(
            "The fold of %s %s (%s). It goes back to its last commit.", describe([key]), what, crash.summary
        )
        self.drop_key(key)
        self._refused[key] = -math.inf

    def give_up(self, tenancy: Tenancy, error: Exception, what: str) -> None:
        """End this worker: no record is to blame. What the fold has in memory is never committed."""
        key = key_of(tenancy.claim)
        log.error("The fold of %s %s.", describe([key]), what, exc_info=error)
        self.drop_key(key)
        self.fail(error)

    def blame(self, tenancy: Tenancy, error: Exception, *, read: bool) -> None:
        """A fold could not tell its changes: over what it has read since it last did, if that is anything."""
        if read:
            self.restart(tenancy, error, "could not tell its changes")
        else:
            self.give_up(tenancy, error, "could not tell its changes, and had read nothing new")

    def fail(self, error: BaseException) -> None:
        """End this worker with an error."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def lost(self) -> list[Place]:
        """Partitions that were lost a while ago: to be taken again, if still assigned."""
        due = [
            key
            for key, at in self._refused.items()
            if time.monotonic() - at >= self._patience.reclaim_seconds
        ]
        for key in due:
            del self._refused[key]
        return [place for key in due for place in inputs(self._settings, key)]

    def take_crash(self, key: Key) -> Crash | None:
        """How a fold failed last, if it was in this process; asked for once."""
        return self._crashes.pop(key, None)
