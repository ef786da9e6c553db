"""Errors of scored pairs by the hash of their id, so that versions which answered the same ids can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor_stream.events.delta import PAIRED_ROWS, Floats, PairedSample
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import split_segment
from monitor_stream.observe.columns import Array
from monitor_stream.observe.smallest import Hashes, Smallest
from monitor_stream.observe.sums import Windows


class Pairs:
    """What one source has to send of the paired samples of a version."""

    def __init__(self, spec: ModelSpec) -> None:
        self._smallest = Smallest(spec.drift.span_seconds, PAIRED_ROWS)
        self._segment = spec.compare.segment

    def __bool__(self) -> bool:
        return bool(self._smallest)

    def offer(self, spans: Windows, hashes: Hashes, errors: Floats, segments: Array) -> None:
        """Look at scored pairs; `spans` are those of the labels' position times, `segments` has the codes of groups."""
        self._smallest.offer(spans, hashes, lambda rows: [errors[rows], segments[rows]])

    def take(self, groups: Sequence[str]) -> list[PairedSample]:
        """The pairs to send; none are left. `groups` has the group of each code."""
        samples = []
        for start, hashes, (errors, segments) in self._smallest.take():
            names = [split_segment(groups[code])[0] for code in segments[0].tolist()]
            values, codes = None, None
            if self._segment in names:
                among, places = np.unique(segments[:, names.index(self._segment)], return_inverse=True)
                values = [split_segment(groups[code])[1] for code in among.tolist()]
                codes = places.astype(np.uint16)
            samples.append(PairedSample.pack(start, hashes, errors, values, codes))
        return samples
