"""One run: what struck, what it cost, and what can no longer be had."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator

from loadtest.chaos.world import Slot, World


class Run:
    """What faults share. `outage` is how long a server stays away, in seconds; `workers` how many there should be."""

    def __init__(self, world: World, draw: random.Random, *, outage: float, workers: int) -> None:
        self.world = world
        self.draw = draw
        self.outage = outage
        self.workers = workers
        self.faults: Counter[str] = Counter()
        self.reread: Counter[str] = Counter()
        self.recoveries: list[float] = []
        self.pauses: list[float] = []
        self.stops: list[float] = []
        self.complaints: list[str] = []
        self.lost: dict[tuple[str, int], range] = {}

    @contextlib.contextmanager
    def recovery(self) -> Iterator[None]:
        """Measure from a kill until each partition has a commit by whoever claimed it after."""
        began = time.monotonic()
        yield
        self.world.await_progress(new_epoch=True)
        self.recoveries.append(time.monotonic() - began)

    def stop(self, slot: Slot) -> None:
        """SIGTERM; a worker that does not exit with 0 in ten seconds is a finding."""
        if not slot.running:
            slot.wanted = False
            return
        code, seconds = slot.stop()
        self.stops.append(seconds)
        if code != 0 or seconds > 10.0:
            self.complaints.append(f"worker {slot.number} ended with {code} after {seconds:.1f} s on SIGTERM")

    def lose(self, place: tuple[str, int], offsets: range) -> None:
        """Note records that were removed before they were read."""
        before = self.lost.get(place, range(0))
        if before:
            raise ValueError(f"{place} has lost records before")  # one range a partition is enough
        self.lost[place] = offsets
