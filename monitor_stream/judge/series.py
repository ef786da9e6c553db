"""A series of windows of one version, and what of it is published and shown."""

from __future__ import annotations

from collections.abc import Callable, Collection

from monitor_stream.events.results import Window
from monitor_stream.judge.history import History
from monitor_stream.judge.windows import OpenWindow, Windows


class Series:
    """Windows as they come, with the newest of them as they were last published.

    Parameters
    ----------
    windows, history
        What is still added to, and what is shown.
    build
        Makes of a window what is published.
    say
        Is told each revision, as JSON.
    """

    def __init__(
        self,
        windows: Windows,
        history: History[Window],
        build: Callable[[OpenWindow], Window],
        say: Callable[[bytes], None],
    ) -> None:
        self.windows = windows
        self.history = history
        self._build = build
        self._say = say

    def advance(
        self, watermark: float, floor: float, now: float | None
    ) -> tuple[Collection[OpenWindow], Collection[OpenWindow]]:
        """Publish the windows that close or settle when time gets so far, and return both."""
        closed, settled = self.windows.close(watermark), self.windows.settle(floor)
        for window in [*(window for window in closed if not window.settled), *settled]:
            self._publish(window, now)
        return closed, settled

    def revise(self, now: float, interval: float) -> bool:
        """Publish closed windows that changed since they were published, so long ago or longer."""
        due = self.windows.revise(now, interval)
        for window in due:
            self._publish(window, now)
        return bool(due)

    def _publish(self, window: OpenWindow, now: float | None) -> None:
        """The next revision. A window without a prediction is none: only records that count nowhere fell into it."""
        if window.sums.total("traffic", 0):
            window.revision += 1
            self._say(self.history.show((window.start, window.seconds), self._build(window)))
        window.changed = False
        window.published_at = now
