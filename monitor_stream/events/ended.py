"""Whether a topic was read to its end, as time goes on: what `Batch.ended` said, between one tick and the next."""

from __future__ import annotations

import msgspec


class Ended(msgspec.Struct):
    """When, in processing time, a topic was last known to be read to its end (`at`); ``None`` until that was once so.

    A word that it was counts as of the tick before: it came later, so all that was in the topic by then was read. After
    a pause, however long, the topic is as it was before it until somebody has looked again.

    >>> ended = Ended()
    >>> for now in (100.0, 101.0, 500.0):
    ...     ended.tell(True)
    ...     ended.tick(now)
    >>> ended.at
    101.0
    """

    at: float | None = None
    told: bool = False
    ticked: float | None = None
    before: float | None = None  # the tick before the last

    def tell(self, ended: bool) -> None:  # as `Batch.ended` says it
        """Take what a batch says."""
        self.told = self.told or ended

    def tick(self, now: float) -> None:
        """Take the processing time."""
        if self.told:
            self.at = self.ticked
        self.told, self.ticked, self.before = False, now, self.ticked

    def was_within(self, seconds: float) -> bool:
        """Whether the topic was read to its end so many seconds ago or less, as of the tick before."""
        return self.at is not None and self.before is not None and self.before - self.at < seconds
