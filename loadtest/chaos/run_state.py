"""One run: what struck, what it cost, and what can no longer be had."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from loadtest.chaos.expect import Line
from loadtest.chaos.world import Slot, World


class Run:
    """What faults share. `outage` is how long a server stays away, in seconds; `workers` how many there should be."""

    def __init__(self, world: World, seed: int, *, outage: float, workers: int) -> None:
        self.world = world
        self.outage = outage
        self.workers = workers
        self.faults: Counter[str] = Counter()
        self.reread: defaultdict[str, list[int]] = defaultdict(list)
        self.recoveries: list[float] = []
        self.stops: list[float] = []
        self.complaints: list[str] = []
        self.counted: Counter[str] = Counter()
        self.lost: dict[tuple[str, int], range] = {}
        self.before: dict[tuple[str, int], list[Line]] = {}
        self._seed = seed
        self._local = threading.local()
        self._servers_in_trouble = 0

    @property
    def draw(self) -> random.Random:
        """Chance, for each lane of faults its own."""
        if not hasattr(self._local, "draw"):
            self._local.draw = random.Random(f"{self._seed} {threading.current_thread().name}")
        return self._local.draw  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def recovery(self) -> Iterator[None]:
        """Measure from a kill until each partition has a commit by whoever claimed it after.

        What servers in trouble add to it is not the worker's, and not measured.
        """
        began, calm = time.monotonic(), not self._servers_in_trouble
        yield
        self.world.await_progress(new_epoch=True)
        if calm and not self._servers_in_trouble:
            self.recoveries.append(time.monotonic() - began)

    @contextlib.contextmanager
    def servers_in_trouble(self) -> Iterator[None]:
        """While this lasts, nobody can be expected to end in time."""
        self._servers_in_trouble += 1
        yield
        self._servers_in_trouble -= 1

    def stop(self, slot: Slot) -> None:
        """SIGTERM; a worker that took part and does not exit with 0 in ten seconds is a finding."""
        if not slot.running or slot.frozen:
            slot.wanted = False
            return
        calm = not self._servers_in_trouble and slot.took_part
        code, seconds = slot.stop()
        if not calm or self._servers_in_trouble or code is None:
            return
        self.stops.append(seconds)
        if code != 0 or seconds > 10.0:
            self.complaints.append(f"worker {slot.number} ended with {code} after {seconds:.1f} s on SIGTERM")

    def lose(self, place: tuple[str, int], offsets: range) -> None:
        """Note records that were removed before they were read."""
        self.lost[place] = offsets
