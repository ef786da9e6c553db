"""`monitor-stream worker`, watched: it dies when told to, tells what it does, and can be broken on purpose.

All of the command runs as it does in production. The observer that the shell offers kills the process at the moment
that stands in the file `CHAOS_DIRECTORY/kill`. Records with a mark crash OBSERVE, as a bug would, unless `CHAOS_FIXED`
is set. `CHAOS_BREAK` switches one of the safeguards off, to prove that the verifier notices.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import mmap
import os
import signal
import struct
import sys
from pathlib import Path
from typing import Any, Final

from loadtest.chaos import sabotage
from loadtest.chaos.ledger import Claimed, Committed, Ended, Ledger, Read, Released, now
from loadtest.chaos.stream import KILLS, RAISES
from monitor_stream.cli import main
from monitor_stream.events.fold import Batch
from monitor_stream.observe import Observe
from monitor_stream.state.contract import Claim, Commit, FoldName, Holding
from monitor_stream.state.redis import RedisStore
from monitor_stream.stream import worker
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.moments import Moment

#: What a process has counted so far, in a file that outlives it: records skipped and lost, commits refused.
COUNTS: Final = struct.Struct("<qqq")
KILLED: Final = "SIGKILL"
POISONED: Final = "poison record"


class Watch:
    """The observer."""

    def __init__(self, directory: Path, ledger: Ledger, stats: WorkerStats) -> None:
        self._directory = directory
        self._order = directory / "kill"
        self._ledger = ledger
        self._stats = stats
        self._counts: mmap.mmap | None = None

    def __call__(self, moment: Moment) -> None:
        stats, lost = self._stats, sum(self._stats.records_lost.values())
        if self._counts is None:
            self._counts = self._open()
        COUNTS.pack_into(self._counts, 0, stats.records_skipped, lost, stats.commits_refused)
        if moment == "releasing":
            self._ledger.note(Released(now()))
        if self._order.exists() and self._order.read_text() == moment:
            self._order.unlink()
            _die(self._ledger, KILLED)

    def _open(self) -> mmap.mmap:
        path = self._directory / f"counts.{os.getpid()}"
        path.write_bytes(bytes(COUNTS.size))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), COUNTS.size)


def _die(ledger: Ledger, how: str) -> None:
    ledger.note(Ended(now(), how))
    os.kill(os.getpid(), signal.SIGKILL)


def _keep_books(ledger: Ledger) -> None:
    """Note each claim, each batch that was taken in, and each commit."""
    apply, claim, commit = Observe.apply, RedisStore.claim, RedisStore.commit

    @functools.wraps(apply)
    def applied(self: Observe, batch: Batch) -> None:
        apply(self, batch)
        if offsets := batch.offsets:
            seat = self._seat  # nobody else has to know
            ledger.note(
                Read(now(), seat.partition, seat.epoch, batch.topic, offsets[0], offsets[-1], len(offsets))
            )

    @functools.wraps(claim)
    async def claimed(self: RedisStore, fold: FoldName, partition: int, owner: str) -> Holding:
        holding = await claim(self, fold, partition, owner)
        ledger.note(Claimed(now(), fold, partition, holding.claim.epoch, holding.offsets))
        return holding

    @functools.wraps(commit)
    async def committed(self: RedisStore, of: Claim, what: Commit) -> bool:
        written = await commit(self, of, what)
        if written:
            ledger.note(Committed(now(), of.fold, of.partition, of.epoch))
        return written

    setattr(Observe, "apply", applied)  # noqa: B010  # the type checker is right to forbid it
    setattr(RedisStore, "claim", claimed)  # noqa: B010
    setattr(RedisStore, "commit", committed)  # noqa: B010


def _crash_on_marks(ledger: Ledger) -> None:
    """A bug: OBSERVE fails on records with one mark, and the process dies of those with the other."""
    apply = Observe.apply

    @functools.wraps(apply)
    def crashing(self: Observe, batch: Batch) -> None:
        if not batch.poison:
            for value in filter(None, batch.values):
                if RAISES in value:
                    raise ArithmeticError("a record that nobody was prepared for")
                if KILLS in value:
                    _die(ledger, POISONED)
        apply(self, batch)

    setattr(Observe, "apply", crashing)  # noqa: B010


def _tell_tasks(*_: object) -> None:
    """What each task of each event loop waits for: asked for when a worker seems to be stuck."""
    for task in [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]:
        task.print_stack(file=sys.stderr)
    sys.stderr.flush()


def run() -> None:
    """Run the command with the observer in place."""
    directory = Path(os.environ["CHAOS_DIRECTORY"])
    ledger = Ledger(directory)
    _keep_books(ledger)
    if not os.environ.get("CHAOS_FIXED"):
        _crash_on_marks(ledger)
    if name := os.environ.get("CHAOS_BREAK"):
        sabotage.SAFEGUARDS[name]()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiokafka").setLevel(
        logging.WARNING
    )  # a line for each attempt to reach a broker that is away
    signal.signal(signal.SIGUSR1, _tell_tasks)
    real = worker.run_worker

    @functools.wraps(real)
    def watched(*args: Any, **options: Any) -> None:
        stats = options.setdefault("stats", None) or WorkerStats()
        real(*args, **{**options, "stats": stats, "on": Watch(directory, ledger, stats)})

    worker.run_worker = watched
    main(["worker"], standalone_mode=True)


if __name__ == "__main__":
    run()
