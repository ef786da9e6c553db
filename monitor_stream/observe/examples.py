"""Outliers that are kept as they are, for a person to look at: those furthest from the reference, by day."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec import Raw

from monitor_stream.events.delta import EXAMPLES, Example, Floats
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.events.tables import MAX_COLUMNS, UNSEEN_CHARACTERS, split_grouped
from monitor_stream.observe.columns import Array
from monitor_stream.observe.outliers import Found
from monitor_stream.observe.smallest import Hashes
from monitor_stream.observe.sums import Windows

#: What stands where the spec hides a value.
MASKED: Final = "***"

#: Days of which the best are known, the newest ones; of others more is sent than would have to be.
MAX_DAYS: Final = 32

#: Highest score first, then lowest hash.
Rank = tuple[float, int, float]


class _Event(msgspec.Struct):
    """What of a record is shown."""

    prediction_id: str
    features: dict[str, Raw] | None = None


class Examples:
    """What one source has to send of the examples of a version.

    An outlier is sent if it is among the `EXAMPLES` first of its day so far. The first of all were so when they came: nothing
    of this needs to survive a restart. What only a masked feature tells is not told: its distance would give the value away.
    """

    def __init__(self, spec: ModelSpec, reasons: Sequence[str]) -> None:
        self._masked = frozenset(spec.masked)
        self._names = list(dict.fromkeys(feature.name for feature in spec.features))[:MAX_COLUMNS]
        self._reasons = reasons
        told = [self._masked.isdisjoint(split_grouped(reason)) for reason in reasons]
        self._told = np.array(told, bool) & spec.store_examples
        self._best: dict[int, list[Rank]] = {}
        self._entered: list[tuple[Rank, Example]] = []

    def __bool__(self) -> bool:
        return bool(self._entered)

    def offer(
        self,
        found: Found,
        wanted: Array,
        times: Floats,
        hashes: Hashes,
        record: Callable[[int], bytes | None],
    ) -> None:
        """Look at outliers of some events: `wanted` tells which of these may be kept, `record` what stood on the topic."""
        some = np.flatnonzero(self._told[found.reasons] & wanted[found.events])
        if not len(some):
            return
        found = found.select(some)
        found = found.select(np.lexsort((found.reasons, -found.scores, found.events)))
        found = found.select(np.flatnonzero(np.diff(found.events, prepend=-1)))  # of each event its highest
        times, hashes = times[found.events], hashes[found.events]
        for day, among in Windows(times, DAY).parts():
            places = np.arange(len(times))[among]
            best = np.lexsort((times[places], hashes[places], -found.scores[places]))[:EXAMPLES]
            for at in places[best].tolist():
                rank = (-float(found.scores[at]), int(hashes[at]), float(times[at]))
                if not self._enters(day, rank):
                    break
                example = self._example(day, rank, found.reasons[at], record(int(found.events[at])))
                self._entered.append((rank, example))
        for day in sorted(self._best)[:-MAX_DAYS]:
            del self._best[day]

    def take(self) -> list[Example]:
        """The examples to send; none are left."""
        entered = sorted(self._entered, key=lambda pair: (pair[1].start, pair[0]))
        self._entered = []
        return [example for rank, example in entered if self._stays(int(example.start // DAY), rank)]

    def _enters(self, day: int, rank: Rank) -> bool:
        best = self._best.setdefault(day, [])
        if not self._stays(day, rank):
            return False
        insort(best, rank)
        del best[EXAMPLES:]
        return True

    def _stays(self, day: int, rank: Rank) -> bool:
        best = self._best.get(day, [])
        return len(best) < EXAMPLES or rank <= best[-1]

    def _example(self, day: int, rank: Rank, reason: int, record: bytes | None) -> Example:
        event = msgspec.json.decode(record or b"", type=_Event)
        features = event.features or {}
        return Example(
            start=int(day * DAY),
            score=-rank[0],
            hash=rank[1],
            time=rank[2],
            prediction_id=event.prediction_id,
            reason=self._reasons[reason],
            features={
                name: MASKED if name in self._masked else _shown(features[name])
                for name in self._names
                if name in features
            },
        )


def _shown(raw: Raw) -> float | bool | str | None:
    """A value as the event had it; a vector, and a number that no float64 holds, as text.

    >>> [_shown(Raw(text)) for text in (b"3", b"null", b'"' + b"x" * 100 + b'"', b"[1, 2]", b"9" * 400)] == [
    ...     3.0,
    ...     None,
    ...     "x" * 64,
    ...     "[1, 2]",
    ...     "9" * 64,
    ... ]
    True
    """
    text = bytes(raw).decode()
    if text[0] in '"tfn':
        value = msgspec.json.decode(raw, type=str | bool | None)
        return value[:UNSEEN_CHARACTERS] if isinstance(value, str) else value
    if text[0] in "[{" or len(text) > UNSEEN_CHARACTERS:
        return text[:UNSEEN_CHARACTERS]
    return msgspec.json.decode(raw, type=float)
