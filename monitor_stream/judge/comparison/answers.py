"""The errors of one version in one span, by the hashes of the predictions' ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import PAIRED_ROWS, Floats, Ints, PairedSample

Hashes = npt.NDArray[np.uint64]


class Answers(NamedTuple):
    """Errors by ascending hash; `codes` is the place of each one's segment value in `segments`, empty where there are none."""

    hashes: Hashes
    errors: Floats
    segments: Sequence[str]
    codes: Ints

    @classmethod
    def read(cls, sample: PairedSample) -> Answers:
        """What travelled."""
        hashes, errors, codes = sample.unpack()
        answers = cls(hashes, errors, sample.segments, codes.astype(np.int64))
        return answers.merge(answers) if (hashes[1:] == hashes[:-1]).any() else answers

    def sample(self, start: int) -> PairedSample:
        """As it travels."""
        codes = self.codes.astype(np.uint16) if len(self.codes) else None
        return PairedSample.pack(start, self.hashes, self.errors, list(self.segments), codes)

    def merge(self, other: Answers) -> Answers:
        """Of both those of the smallest hashes. An id that came twice counts once, with its smaller error.

        >>> def answers(hashes, errors):
        ...     return Answers(np.array(hashes, np.uint64), np.array(errors), [], np.zeros(0, np.int64))
        >>> merged = answers([3, 8], [1.0, 0.0]).merge(answers([5, 8], [0.0, 1.0]))
        >>> merged.hashes.tolist(), merged.errors.tolist()
        ([3, 5, 8], [1.0, 0.0, 0.0])
        """
        segments, codes = _under_one(self, other)
        hashes = np.concatenate([self.hashes, other.hashes])
        errors = np.concatenate([self.errors, other.errors])
        order = np.lexsort((codes, errors, hashes))
        order = order[np.append(True, np.diff(hashes[order]) != 0)][:PAIRED_ROWS]
        return Answers(hashes[order], errors[order], segments, codes[order] if segments else codes[:0])

    def values(self) -> npt.NDArray[np.str_]:
        """The segment value of each; empty text where it has none."""
        if not len(self.codes):
            return np.full(len(self.hashes), "", dtype=np.str_)
        return np.array(self.segments, dtype=np.str_)[self.codes]


def _under_one(one: Answers, other: Answers) -> tuple[list[str], Ints]:
    """The values of both in the order of the alphabet, and the codes of both under them."""
    parts = [part if len(part.codes) else _without_segment(part) for part in (one, other)]
    segments = sorted({value for part in parts for value in part.segments})
    if segments == [""]:
        return [], np.zeros(len(one.hashes) + len(other.hashes), np.int64)
    place = {value: at for at, value in enumerate(segments)}
    moved = [np.array([place[value] for value in part.segments], np.int64)[part.codes] for part in parts]
    return segments, np.concatenate(moved)


def _without_segment(answers: Answers) -> Answers:
    return answers._replace(segments=[""], codes=np.zeros(len(answers.hashes), np.int64))
