"""Events in the order of their times, whatever order a file has them in, in bounded memory."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor_stream.events.fold import Topic
from monitor_stream.replay.table import Timed

#: Events handed on at once.
BLOCK = 5_000

#: Blocks of events, each block of one topic, in the order they are to be read.
Feed = Iterable[tuple[Topic, Timed]]


class TimeOrder:
    """Takes events in any order, gives them back sorted by time; those of one time stay as they came.

    The events lie in a temporary file and are read back from there, so that only 16 bytes of each are in memory.

    >>> with TimeOrder() as order:
    ...     order.add(Timed(np.array([60.0, 0.0]), pa.array([b"later", b"first"])))
    ...     [block.values.to_pylist() for block in order.blocks()]
    [[b'first', b'later']]
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="monitor-stream-")
        self._path = Path(self._folder.name, "events.arrow")
        self._writer = pa.ipc.new_file(str(self._path), pa.schema([("value", pa.binary())]))
        self._times: list[npt.NDArray[np.float64]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, events: Timed) -> None:
        """Put events down."""
        self._count += len(events.times)
        for start in range(0, len(events.times), BLOCK):
            values = events.values.slice(start, BLOCK)
            if isinstance(values, pa.ChunkedArray):
                values = values.combine_chunks()
            self._writer.write_batch(pa.record_batch([values], names=["value"]))
            self._times.append(events.times[start : start + BLOCK])

    def blocks(self) -> Iterator[Timed]:
        """All that was put down, in blocks; nothing can be put down any more."""
        self._writer.close()
        if not self._times:
            return
        times = np.concatenate(self._times)
        starts = np.cumsum([0, *(len(part) for part in self._times[:-1])])
        self._times.clear()
        order = np.argsort(times, kind="stable")
        with pa.memory_map(str(self._path)) as mapped:
            file = pa.ipc.open_file(mapped)
            for begin in range(0, len(order), BLOCK):
                rows = order[begin : begin + BLOCK]
                yield Timed(times[rows], _gather(file, starts, rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._folder.cleanup()


def merge(*feeds: Feed) -> Iterator[tuple[Topic, Timed]]:
    """Blocks of several feeds, each feed in its own order, always the block next that begins first.

    Blocks are not split: the folds' result does not depend on how two topics interleave, only on the order in each,
    and by blocks nothing waits longer than it must.
    """
    heads: list[tuple[float, int, tuple[Topic, Timed], Iterator[tuple[Topic, Timed]]]] = []
    for number, feed in enumerate(feeds):
        _push(heads, number, iter(feed))
    while heads:
        _, number, block, rest = heapq.heappop(heads)
        yield block
        _push(heads, number, rest)


def _push(
    heads: list[tuple[float, int, tuple[Topic, Timed], Iterator[tuple[Topic, Timed]]]],
    number: int,
    feed: Iterator[tuple[Topic, Timed]],
) -> None:
    for topic, events in feed:
        if len(events.times):
            heapq.heappush(heads, (float(events.times[0]), number, (topic, events), feed))
            return


def _gather(file: Any, starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Any:
    """The rows of the file, in that order, one block of the file after the other."""
    parts = np.searchsorted(starts, rows, side="right") - 1
    by_part = np.argsort(parts, kind="stable")
    found, begins = np.unique(parts[by_part], return_index=True)
    gathered = [
        file.get_batch(int(part)).column(0).take(pa.array(rows[chosen] - starts[part]))
        for part, chosen in zip(found, np.split(by_part, begins[1:]), strict=True)
    ]
    back = np.empty(len(rows), np.int64)
    back[by_part] = np.arange(len(rows))
    return pa.concat_arrays(gathered).take(pa.array(back))
