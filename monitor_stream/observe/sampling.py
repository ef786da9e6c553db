"""Rows of a drift span that are kept as they are."""

from __future__ import annotations

from monitor_stream.events.delta import SAMPLE_ROWS, Floats, Ints, Sample
from monitor_stream.observe.sampled_columns import SampledColumns
from monitor_stream.observe.smallest import Hashes, Smallest
from monitor_stream.observe.sums import Windows


class Sampler:
    """What one source has to send of the samples of a version."""

    def __init__(self, seconds: float) -> None:
        self._smallest = Smallest(seconds, SAMPLE_ROWS)

    def __bool__(self) -> bool:
        return bool(self._smallest)

    def offer(self, spans: Windows, hashes: Hashes, matrix: Floats, places: Ints, answers: Floats) -> None:
        """Look at predictions: `places` tells their rows of the matrix of features, `answers` their last column."""
        self._smallest.offer(spans, hashes, lambda rows: [matrix[places[rows]], answers[rows]])

    def take(self, columns: SampledColumns) -> list[Sample]:
        """The rows to send; none are left."""
        return [
            Sample.pack(start, hashes, columns.rows(matrix, answers), columns.described)
            for start, hashes, (matrix, answers) in self._smallest.take()
        ]
