"""The two readings of the rows: what is in them, then how much of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.profile.column import Column
from monitor_stream.profile.loss_rows import LossRows
from monitor_stream.profile.rows import Progress, Rows
from monitor_stream.profile.sample import Hashes, Sample
from monitor_stream.profile.spans import Spans
from monitor_stream.profile.tally import Tally
from monitor_stream.replay.encode import seconds

#: Rows with a label that the baseline is measured on, chosen at random where there are more.
_ANSWERS = 100_000


class Survey:
    """The first reading: each column's contents, the time the rows span, and a sample of answers with their truth."""

    def __init__(
        self, columns: Mapping[str, Column], time: str | None, answers: Sequence[str], label: str | None
    ) -> None:
        self.first, self.last = math.inf, -math.inf
        self._columns = columns
        self._time = time
        self._label = label
        self._kept = list(dict.fromkeys([*answers, *([time] if time else [])]))
        self._answers = Sample(_ANSWERS)

    def read(self, rows: Rows, progress: Progress) -> None:
        """Read all rows."""
        begin = 0
        for block in rows.blocks([*dict.fromkeys([*self._columns, *self._kept])], "Reading", progress):
            numbers = np.arange(begin, begin + len(block), dtype=np.uint64)
            begin += len(block)
            at = times(block, self._time)
            if at is not None and np.isfinite(at).any():
                self.first = min(self.first, float(np.nanmin(at)))
                self.last = max(self.last, float(np.nanmax(at)))
            for name, column in self._columns.items():
                column.see(block[name].combine_chunks(), at, numbers)
            if self._label is not None:
                self._see_answers(block, numbers)

    def _see_answers(self, block: Any, numbers: Hashes) -> None:
        known = block[self._label].is_valid()
        self._answers.add(block.select(self._kept).filter(known), numbers[np.asarray(known)])

    def answered(self) -> Any:
        """Rows that have a label, in the order of time: answers, labels and times as an Arrow table."""
        rows = self._answers.rows()
        at = times(rows, self._time)
        return rows if at is None else rows.take(pa.array(np.argsort(at, kind="stable")))


def tally_rows(
    rows: Rows,
    tallies: Mapping[str, Tally],
    spans: Spans,
    time: str | None,
    progress: Progress,
    *,
    losses: LossRows | None = None,
) -> Ints:
    """The second reading: count what is in the bins, and keep some rows' `losses`. Returns how many rows each slot has."""
    held, begin = np.zeros(spans.slots, np.int64), 0
    for block in rows.blocks([*dict.fromkeys([*tallies, *([time] if time else [])])], "Counting", progress):
        at = times(block, time)
        slots = spans.of(np.full(len(block), np.nan) if at is None else at)
        held += np.bincount(slots, minlength=spans.slots)
        bins = {name: tally.see(block[name].combine_chunks(), at, slots) for name, tally in tallies.items()}
        if losses is not None:
            losses.see(block, bins, at, np.arange(begin, begin + len(block), dtype=np.uint64))
        begin += len(block)
    return held


def times(block: Any, name: str | None) -> Floats | None:
    """When each prediction was made, in Unix seconds, NaN where it is not said."""
    return None if name is None else seconds(block[name], name)
