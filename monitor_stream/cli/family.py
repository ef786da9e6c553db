"""Commands of ours that run and end together."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor_stream.embedded import guard

#: How long a worker may take for its last commit.
STOP_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Ended:
    """A child ended. A negative code is the signal that ended it."""

    name: str
    code: int


class Signalled:
    """Somebody asked us to stop."""


Events = queue.SimpleQueue[Ended | Signalled]


def run_family(names: Sequence[str], environment: Mapping[str, str]) -> Ended | None:
    """Run `monitor-stream NAME` for each name; return when all have ended.

    SIGINT and SIGTERM stop them, and the answer is None. When one ends by itself the others are stopped, and the answer
    says which it was; or which had to be killed, as it did not stop in time. Should this process be killed, the kernel
    kills them.
    """
    events: Events = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: events.put(Signalled()))
    children = {name: _start(name, environment, events) for name in names}
    first = events.get()
    _stop(children, events)
    if isinstance(first, Ended):
        return first
    killed = (
        Ended(name, child.returncode)
        for name, child in children.items()
        if child.returncode == -signal.SIGKILL
    )
    return next(killed, None)


def _start(name: str, environment: Mapping[str, str], events: Events) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            guard.__file__,
            str(os.getpid()),
            sys.executable,
            "-m",
            "monitor_stream",
            name,
        ],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches this process alone, which stops its children in order
    )
    threading.Thread(target=lambda: events.put(Ended(name, child.wait())), daemon=True).start()
    return child


def _stop(children: Mapping[str, subprocess.Popen[bytes]], events: Events) -> None:
    """Ask all to end; kill what has not ended in time, or at once when asked a second time."""
    for child in children.values():
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while any(child.poll() is None for child in children.values()):
        try:
            event = events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            event = Signalled()
        if isinstance(event, Signalled):
            for child in children.values():
                child.kill()
                child.wait()
