"""Samples of spans that are not over, of all versions of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial, reduce
from typing import Final

from monitor_stream.events.delta import PairedSample
from monitor_stream.judge.comparison.answers import Answers
from monitor_stream.judge.persist import Journal, key, pack, unpack

#: Samples of one version and span that are held for a model; beyond it the oldest spans are over before their time.
MAX_HELD: Final = 1_000

#: Start and length of a span.
SpanKey = tuple[int, float]


class HeldSamples:
    """What came of each version and span, in parts that at least halve in size: a commit writes what came since the last one,
    and now and then a merged part.

    `floor` is the end of the newest span that was over: what comes for it, or one before it, comes too late.
    """

    def __init__(self, model: str, journal: Journal) -> None:
        self._model = model
        self._journal = journal
        self._parts: dict[SpanKey, dict[str, list[Answers]]] = {}
        self.floor = -math.inf

    def restore(self, version: str, start: int, seconds: float, data: bytes) -> None:
        """Take back what the store held of one part; they come in any order."""
        parts = self._parts.setdefault((start, seconds), {}).setdefault(version, [])
        parts.append(Answers.read(unpack(PairedSample, data)))
        # The one of the smaller number is at least twice as large.
        parts.sort(key=lambda part: -len(part.hashes))

    def add(self, version: str, start: int, seconds: float, answers: Answers) -> None:
        """Take in what a delta brought."""
        if start + seconds <= self.floor:
            return
        parts = self._parts.setdefault((start, seconds), {}).setdefault(version, [])
        parts.append(answers)
        while len(parts) > 1 and len(parts[-2].hashes) < 2 * len(parts[-1].hashes):
            smaller = parts.pop()
            self._journal.delete(self._field(version, start, seconds, len(parts)))
            parts[-1] = parts[-1].merge(smaller)
        field = self._field(version, start, seconds, len(parts) - 1)
        self._journal.put(field, partial(_packed, parts[-1], start))

    def over(self, clock: float) -> Iterator[tuple[SpanKey, dict[str, Answers]]]:
        """The spans that end at or before the clock, and those for which there is no room, earliest first: each one's answers by
        version. They are forgotten.
        """
        while self._parts:
            at = min(self._parts, key=lambda span: (span[0] + span[1], span))
            start, seconds = at
            if start + seconds > clock and self._held() <= MAX_HELD:
                return
            self.floor = max(self.floor, start + seconds)
            yield (
                at,
                {version: reduce(Answers.merge, parts) for version, parts in sorted(self._parts[at].items())},
            )
            for version, parts in self._parts.pop(at).items():
                for number in range(len(parts)):
                    self._journal.delete(self._field(version, start, seconds, number))

    def _held(self) -> int:
        return sum(map(len, self._parts.values()))

    def _field(self, version: str, start: int, seconds: float, number: int) -> str:
        return key("paired", self._model, version, start, seconds, number)


def _packed(answers: Answers, start: int) -> bytes:
    return pack(answers.sample(start))
