"""One run: what struck, what it cost, and what can no longer be had."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator

from loadtest.chaos.expect import Line
from loadtest.chaos.history import Place
from loadtest.chaos.ledger import now
from loadtest.chaos.world import Slot, World
from loadtest.chaos.writer import Writer


class Run:
    """What faults share. `outage` is how long a server stays away, in seconds; `workers` how many there should be."""

    def __init__(self, world: World, writer: Writer, seed: int, *, outage: float, workers: int) -> None:
        self.world = world
        self.writer = writer
        self.outage = outage
        self.workers = workers
        self.faults: Counter[str] = Counter()
        #: Faults that struck on their own: name, when it began, when all was well again.
        self.alone: list[tuple[str, float, float]] = []
        #: When a server was away, or a record killed workers: nobody can be expected to end or to commit in time.
        self.troubles: list[tuple[float, float]] = []
        self.stops: list[float] = []
        self.complaints: list[str] = []
        #: Place → when retention removed records from it, and the first offset that was left.
        self.removed: dict[Place, tuple[float, int]] = {}
        #: What it removed, read or not.
        self.removed_lines: dict[Place, list[Line]] = {}
        self._seed = seed
        self._local = threading.local()
        self._in_trouble: set[object] = set()

    @property
    def draw(self) -> random.Random:
        """Chance, for each lane of faults its own."""
        if not hasattr(self._local, "draw"):
            self._local.draw = random.Random(f"{self._seed} {threading.current_thread().name}")
        return self._local.draw  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def trouble(self) -> Iterator[None]:
        """While this lasts, nobody can be expected to end in time."""
        began, token = now(), object()
        self._in_trouble.add(token)
        yield
        self._in_trouble.discard(token)
        self.troubles.append((began, now()))

    def stop(self, slot: Slot) -> None:
        """SIGTERM; a worker that took part and does not exit with 0 is a finding."""
        if not slot.running or slot.frozen:
            slot.wanted = False
            return
        calm = not self._in_trouble and slot.took_part
        code, seconds = slot.stop()
        if not calm or self._in_trouble or code is None:
            return
        self.stops.append(seconds)
        if code != 0:
            self.complaints.append(f"worker {slot.number} ended with {code} after {seconds:.1f} s on SIGTERM")
