"""When the demo is over: everything sent was judged, and what was published covers it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from monitor_stream.demo.watch import Watch


class Completion:
    """Watches the published results come to rest.

    They are complete once the windows hold every prediction and every label that was sent, and each incident that was opened
    has been told. Where some can never be
    there (a flight scored twice, a topic that was written to by others), they are taken as final when all is read and
    nothing has changed for `quiet_seconds`.
    """

    def __init__(
        self,
        *,
        predictions: int,
        labels: int,
        quiet_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._expected = (predictions, labels)
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._began = self._changed_at = clock()
        self._judged_at = self._began
        self._judged: Any = None
        self._published: Any = None

    @property
    def seconds(self) -> float:
        """From the beginning until the last event was judged."""
        return self._judged_at - self._began

    def reached(self, watch: Watch) -> bool:
        """Take in what is published by now; whether that is all."""
        now = self._clock()
        windows = watch.windows.values()
        held = (sum(window.n for window in windows), sum(window.labelled for window in windows))
        judged = (
            dict(watch.records),
            watch.version and (watch.version.totals.predictions, watch.version.totals.outcomes),
        )
        untold = _opened(watch) - len(watch.incidents)
        published = (judged, held, untold, sum(window.revision for window in windows))
        if judged != self._judged:
            self._judged, self._judged_at = judged, now
        if published != self._published:
            self._published, self._changed_at = published, now
        if watch.records.total() < sum(self._expected):
            return False
        return (held == self._expected and untold <= 0) or now - self._changed_at > self._quiet_seconds


def _opened(watch: Watch) -> int:
    """Incidents that the document knows of: each is told on its topic, too."""
    return sum(watch.version.incidents_opened.values()) if watch.version else 0
