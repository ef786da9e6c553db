"""What a consumer of the bench prints, and how it takes the time.

CPU is that of the whole process with all its threads, from the first record to the last: imports, connecting and
joining the group are left out for everybody.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


class Stopwatch:
    """Started at the first record; `finish` prints the one line the bench reads."""

    def __init__(self) -> None:
        self._cpu: float | None = None
        self._wall = 0.0

    def start(self) -> None:
        """Begin, unless begun."""
        if self._cpu is None:
            self._cpu, self._wall = time.process_time(), time.perf_counter()

    @property
    def started(self) -> bool:
        return self._cpu is not None

    def finish(self, events: int, **more: float) -> None:
        cpu = time.process_time() - (self._cpu or 0.0)
        line = {
            "events": events,
            "cpu_seconds": cpu,
            "wall_seconds": time.perf_counter() - self._wall,
            "max_rss_bytes": _peak_resident_bytes(),
            **more,
        }
        sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]  # Faust replaces sys.stdout
        sys.__stdout__.flush()  # type: ignore[union-attr]  # likewise


def _peak_resident_bytes() -> int:
    """Of this program: `ru_maxrss` would count the parent's memory at the moment it forked."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell resident memory")
