"""Ends the process when it is stuck, or grew too large: a supervisor starts it again, and it goes on from the last commit.

A consumer can hang without an error: a wedged event loop, a fetch that never comes back after a broker restart, a
rebalance that Faust gave up (the heartbeats to Kafka come from another thread, and go on). This is a thread of its own
that asks Kafka itself how much there is to read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from monitor_stream.config import confluent_config
from monitor_stream.settings import Settings
from monitor_stream.stream.memory import resident_bytes

log = logging.getLogger(__name__)

#: The exit code of a stuck worker (EX_SOFTWARE).
EXIT_CODE: Final = 70
#: How often it looks.
INTERVAL_SECONDS: Final = 5.0
#: How long the event loop may not turn: above the time to restore the largest state.
LOOP_SECONDS: Final = 120.0
#: How long records may wait without one being applied.
PROGRESS_SECONDS: Final = 120.0

#: How long the thread is waited for; it is a daemon, and may hang on a broker that does not answer.
STOP_SECONDS: Final = 1.0

Place = tuple[str, int]


class Glance(NamedTuple):
    """What the watchdog sees at one moment.

    `turned` is when the event loop last turned (monotonic), `progress` any number that changes when work is done,
    `waiting` how many records wait, None where Kafka does not tell. `excused` is set while the worker knows why it
    stands still, such as a store that cannot be reached. `resident` is the memory of the process in bytes.
    """

    turned: float
    progress: int
    waiting: int | None
    excused: bool
    resident: int = 0


class Judgement:
    """Decides, from what was seen, whether the worker is stuck.

    >>> judgement = Judgement(loop_seconds=10.0, progress_seconds=30.0)
    >>> judgement.see(Glance(turned=0.0, progress=7, waiting=5, excused=False), now=0.0)
    >>> judgement.see(Glance(turned=29.0, progress=7, waiting=5, excused=False), now=31.0)
    'no record was applied for 31 s, and 5 wait'
    """

    def __init__(self, *, loop_seconds: float, progress_seconds: float, resident_limit: int = 0) -> None:
        self._resident_limit = resident_limit
        self._loop_seconds = loop_seconds
        self._progress_seconds = progress_seconds
        self._progress: int | None = None
        self._looked = 0.0
        self._still = 0.0

    def see(self, glance: Glance, now: float) -> str | None:
        """Why the worker is stuck, or None."""
        if 0 < self._resident_limit < glance.resident:
            return f"it has {glance.resident >> 20} MiB of memory, and may have {self._resident_limit >> 20}"
        if now - glance.turned > self._loop_seconds:
            return f"the event loop has not turned for {now - glance.turned:.0f} s"
        since, self._looked = now - self._looked, now
        if glance.progress != self._progress or glance.waiting == 0 or glance.excused:
            self._progress, self._still = glance.progress, 0.0
        elif glance.waiting is not None:  # what Kafka does not tell neither counts nor clears
            self._still += since
        if self._still > self._progress_seconds:
            return f"no record was applied for {self._still:.0f} s, and {glance.waiting} wait"
        return None


class Watchdog:
    """The thread.

    Parameters
    ----------
    assigned
        Partitions that Kafka has given this worker → the next offset to apply, None where it is not known.
    progress, excused
        See `Glance`; called in the watchdog's thread.
    told
        Called in the event loop with the end of each partition, as Kafka tells it.
    end
        Ends the process with a code, at once: what is stuck cannot be asked to stop.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        assigned: Callable[[], Mapping[Place, int | None]],
        progress: Callable[[], int],
        excused: Callable[[], bool],
        told: Callable[[Mapping[Place, int]], object],
        end: Callable[[int], object] = os._exit,
        interval_seconds: float = INTERVAL_SECONDS,
        loop_seconds: float = LOOP_SECONDS,
        progress_seconds: float = PROGRESS_SECONDS,
    ) -> None:
        self._settings = settings
        self._assigned = assigned
        self._progress = progress
        self._excused = excused
        self._told = told
        self._end = end
        self._interval = interval_seconds
        self._judgement = Judgement(
            loop_seconds=loop_seconds,
            progress_seconds=progress_seconds,
            resident_limit=settings.max_resident_bytes,
        )
        self._turned = time.monotonic()
        self._ending = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._ending.set()
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def _watch(self) -> None:
        admin = AdminClient(
            {**confluent_config(self._settings), "client.id": f"{self._settings.application}-watchdog"},
            logger=log,
        )
        while not self._ending.wait(self._interval):
            self._loop.call_soon_threadsafe(self._turn)
            waiting = self._waiting(admin)
            glance = Glance(self._turned, self._progress(), waiting, self._excused(), resident_bytes())
            if (reason := self._judgement.see(glance, time.monotonic())) is not None:
                log.critical("This worker is stuck: %s. It ends, to be started again.", reason)
                self._end(EXIT_CODE)
                return

    def _turn(self) -> None:
        self._turned = time.monotonic()

    def _waiting(self, admin: AdminClient) -> int | None:
        assigned = dict(self._assigned())
        if not assigned:
            return 0
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        try:
            answers = admin.list_offsets(
                {TopicPartition(*place): latest for place in assigned},
                isolation_level=IsolationLevel.READ_COMMITTED,  # what an open transaction holds back does not wait for us
                request_timeout=self._interval,
            )
            ends = {
                (place.topic, place.partition): int(end.result().offset) for place, end in answers.items()
            }
        except KafkaException:
            return None
        self._loop.call_soon_threadsafe(self._told, ends)
        return sum(max(0, ends[place] - (offset or 0)) for place, offset in assigned.items())
