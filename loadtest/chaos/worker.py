"""`monitor-stream worker`, watched: it dies when told to, counts what it reads, and can be broken on purpose.

All of the command runs as it does in production. The observer that the shell offers kills the process at the moment
that stands in the file `CHAOS_DIRECTORY/kill`. `CHAOS_BREAK` switches one of the safeguards off, to prove that the
verifier notices.
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
from monitor_stream.cli import main
from monitor_stream.stream import worker
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.moments import Moment

#: What a process has read so far, in a file that outlives it: records consumed, skipped and lost, commits refused.
COUNTS: Final = struct.Struct("<qqqq")


class Watch:
    """The observer."""

    def __init__(self, directory: Path, stats: WorkerStats) -> None:
        self._order = directory / "kill"
        self._stats = stats
        path = directory / f"counts.{os.getpid()}"
        path.write_bytes(bytes(COUNTS.size))
        with path.open("r+b") as file:
            self._counts = mmap.mmap(file.fileno(), COUNTS.size)

    def __call__(self, moment: Moment) -> None:
        stats = self._stats
        read = sum(
            count
            for topic, count in stats.records_consumed.items()
            if topic.endswith((".predictions", ".labels"))
        )
        lost = sum(stats.records_lost.values())
        COUNTS.pack_into(self._counts, 0, read, stats.records_skipped, lost, stats.commits_refused)
        if self._order.exists() and self._order.read_text() == moment:
            self._order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def _tell_tasks(*_: object) -> None:
    """What each task of each event loop waits for: asked for when a worker seems to be stuck."""
    for task in [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]:
        task.print_stack(file=sys.stderr)
    sys.stderr.flush()


def run() -> None:
    """Run the command with the observer in place."""
    if name := os.environ.get("CHAOS_BREAK"):
        sabotage.SAFEGUARDS[name]()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiokafka").setLevel(
        logging.WARNING
    )  # a line for each attempt to reach a broker that is away
    signal.signal(signal.SIGUSR1, _tell_tasks)
    directory = Path(os.environ["CHAOS_DIRECTORY"])
    real = worker.run_worker

    @functools.wraps(real)
    def watched(*args: Any, **options: Any) -> None:
        stats = options.setdefault("stats", None) or WorkerStats()
        real(*args, **{**options, "stats": stats, "on": Watch(directory, stats)})

    worker.run_worker = watched
    main(["worker"], standalone_mode=True)


if __name__ == "__main__":
    run()
