"""A fold that some records crash, each in its own way."""

import os

from monitor_stream.events.fold import Batch, Outputs
from tests.stream.counting import CountingJudge, CountingObserve

RAISE, UNTELLABLE, END = b"raise", b"untellable", b"end"
MARKS = (RAISE, UNTELLABLE, END)


class CrashingObserve(CountingObserve):
    """Counts as the other one does, and fails on records that begin with a mark, unless told that they are poison."""

    _untellable = False

    def apply(self, batch: Batch) -> None:
        if batch.poison:
            super().apply(batch)
            return
        for value in filter(None, batch.values):
            if value.startswith(RAISE):
                self._counted.records[batch.topic] = -1  # half a batch ahead of the offsets
                raise ValueError(value.decode())
            if value.startswith(END):
                self.end()
        self._untellable = self._untellable or any(v and v.startswith(UNTELLABLE) for v in batch.values)
        numbers = [value for value in batch.values if value and not value.startswith(UNTELLABLE)]
        super().apply(
            Batch(
                topic=batch.topic,
                offsets=batch.offsets[: len(numbers)],
                timestamps=batch.timestamps[: len(numbers)],
                values=numbers,
                ended=batch.ended,
            )
        )

    def drain(self) -> Outputs:
        if self._untellable:
            raise OverflowError("untellable")
        return super().drain()

    def end(self) -> None:
        """End the process, with no word to anybody."""
        os._exit(9)


class Killed(BaseException):
    """Nothing of the process is left."""


class KillableObserve(CrashingObserve):
    """Dies in one process with its test: whoever catches `Killed` drops the worker."""

    def end(self) -> None:
        raise Killed


class CrashingJudge(CountingJudge):
    """Fails on what no judge was told of."""

    def apply(self, batch: Batch) -> None:
        if not batch.poison and any(value and value.startswith(MARKS) for value in batch.values):
            raise ValueError("a marked delta")
        super().apply(batch)
