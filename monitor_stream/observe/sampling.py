"""The rows of a drift span whose ids have the smallest hashes: a uniform sample, the same on every run."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import SAMPLE_ROWS, Floats, Ints, Sample
from monitor_stream.observe.columns import concatenate
from monitor_stream.observe.sampled_columns import SampledColumns
from monitor_stream.observe.sums import Windows

Hashes = npt.NDArray[np.uint64]

#: Spans of which the smallest hashes are held, the newest ones. A span that is not among them sends more rows than it
#: would have to; which ones end in the sample does not change.
MAX_SPANS: Final = 32


def mixed(hashes: Hashes) -> Hashes:
    """Hashes of hashes (SplitMix64): independent of whatever else the first ones decide.

    >>> mixed(np.array([1], np.uint64))
    array([6238072747940578789], dtype=uint64)
    """
    h = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


class Sampler:
    """What one source has to send of the samples of a version.

    A row is sent if its hash is among the smallest `SAMPLE_ROWS` of its span so far. The smallest of all were so when
    they came, whatever came before and wherever it began anew: so nothing of this needs to survive a restart.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._smallest: dict[int, Hashes] = {}
        self._entered: dict[int, list[tuple[Hashes, Floats, Floats]]] = {}

    def __bool__(self) -> bool:
        return bool(self._entered)

    def offer(self, spans: Windows, hashes: Hashes, matrix: Floats, places: Ints, answers: Floats) -> None:
        """Look at predictions: `places` tells their rows of the matrix of features, `answers` their last column."""
        mixed_hashes = mixed(hashes)
        limits = np.array([self._limit(number) for number in spans.numbers.tolist()], np.uint64)
        low = np.flatnonzero(mixed_hashes <= (limits[0] if len(limits) == 1 else limits[spans.of]))
        if not len(low):
            return
        for number, some in spans.select(low).parts():
            self._enter(number, mixed_hashes[low[some]], matrix[places[low[some]]], answers[low[some]])
        for number in sorted(self._smallest)[:-MAX_SPANS]:
            del self._smallest[number]

    def take(self, columns: SampledColumns) -> list[Sample]:
        """The rows to send; none are left."""
        samples = []
        for number, parts in sorted(self._entered.items()):
            hashes, matrices, answers = zip(*parts, strict=True)
            joined = np.concatenate(hashes)
            order = np.argsort(joined, kind="stable")
            order = order[joined[order] <= np.uint64(self._limit(number))]
            rows = columns.rows(concatenate(matrices, float)[order], np.concatenate(answers)[order])
            start = int(number * self._seconds)
            samples.append(Sample.pack(start, joined[order], rows, columns.described))
        self._entered = {}
        return samples

    def _limit(self, number: int) -> int:
        """The hash at or below which a row of a span enters."""
        smallest = self._smallest.get(number)
        full = smallest is not None and len(smallest) >= SAMPLE_ROWS
        return int(smallest[-1]) if full else np.iinfo(np.uint64).max  # type: ignore[index]

    def _enter(self, number: int, hashes: Hashes, matrix: Floats, answers: Floats) -> None:
        smallest = np.concatenate((self._smallest.get(number, np.empty(0, np.uint64)), hashes))
        self._smallest[number] = np.unique(smallest)[:SAMPLE_ROWS]
        among = hashes <= np.uint64(self._limit(number))
        entered = self._entered.setdefault(number, [])
        entered.append((hashes[among], matrix[among], answers[among]))
