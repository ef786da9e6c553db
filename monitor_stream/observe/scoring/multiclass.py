"""Many classes, compared by the hash of their text: a pair is right or wrong whether or not its classes have names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import MAX_CLASSES, ModelSpec
from monitor_stream.events.tables import TableName, confusion_group
from monitor_stream.observe.columns import Array
from monitor_stream.observe.scoring.answers import BOOLEAN, CLIP, NUMBER, Answers, Scores, Truths, Words
from monitor_stream.observe.scoring.classes import Classes
from monitor_stream.observe.values import hashes, text

_SPAN: Final = MAX_CLASSES + 1
#: The word of an answer that is no class.
NO_CLASS: Final = np.uint64(0)


class MulticlassScorer:
    """See `Scorer`. Classes that get a name: the spec's, then as they are seen, those said and those true apart.

    Each topic names its own, so that neither depends on how far the other was read; `MAX_CLASSES` in each.
    """

    def __init__(self, spec: ModelSpec, truth_classes: Classes) -> None:
        self._spec = list(spec.classes[:MAX_CLASSES])
        self._truths = truth_classes
        self._said = Classes(self._spec)
        self._scored = Classes(self._spec)

    def answers(self, predictions: Sequence[Any], scores: Sequence[Any], maps: Sequence[Any]) -> Answers:
        texts = [
            text_of(value) if value is not None else max(every, key=every.__getitem__) if every else None
            for value, every in zip(predictions, maps, strict=True)
        ]
        missing = np.array([name is None for name in texts], bool)
        named = dict.fromkeys(name for name in texts if name is not None)
        self._said.learn(named)
        table: dict[str | None, int] = dict(zip(named, hashes(named).tolist(), strict=True))
        table[None] = int(NO_CLASS)
        word = np.fromiter(map(table.__getitem__, texts), np.uint64, len(texts))
        nothing = np.full(len(texts), np.nan)
        return Answers(word, nothing, self._probabilities(maps), missing, np.zeros(len(texts), bool))

    def numbers(self, answers: Answers) -> Floats | None:
        return None

    def truth(self, truths: Truths) -> tuple[Array, Array]:
        word = truths.word.copy()
        for kind in (NUMBER, BOOLEAN):
            rows = np.flatnonzero(truths.kind == kind)
            if len(rows):
                values, places = np.unique(word[rows], return_inverse=True)
                plain = [bool(v) for v in values] if kind == BOOLEAN else values.view(np.float64).tolist()
                word[rows] = hashes([text_of(value) for value in plain])[places]
        return word, np.ones(len(word), bool)

    def scorable(self, word: Words) -> Array:
        return np.not_equal(word, NO_CLASS)

    def score(self, word: Words, chance: Array | None, truth: Array) -> Scores:
        wrong = (word != truth).astype(np.float64)
        of_truth = np.full(len(word), np.nan)
        if chance is not None and chance.shape[1]:
            column = self._scored.codes(truth)
            known = np.flatnonzero(column < chance.shape[1])
            of_truth[known] = chance[known, column[known]]
        scored = ~np.isnan(of_truth)
        loss = -np.log(np.clip(np.where(scored, of_truth, 1.0), CLIP, 1.0))
        pairs = self._said.codes(word) * _SPAN + self._true().codes(truth)
        none = np.zeros(len(wrong))
        sums = np.stack([np.ones(len(wrong)), wrong, scored, loss, loss * loss, none, none, none])
        return Scores(sums, wrong, {"confusion": pairs})

    def group(self, table: TableName, code: int) -> str:
        return confusion_group(self._said.name(code // _SPAN), self._true().name(code % _SPAN))

    def classes(self) -> list[list[str]]:
        return [self._said.names, self._scored.names]

    def learn(self, classes: list[list[str]]) -> None:
        for known, names in zip((self._said, self._scored), classes, strict=True):
            known.learn(names)

    def _true(self) -> Classes:
        return Classes([*self._spec, *self._truths.names])

    def _probabilities(self, maps: Sequence[Any]) -> npt.NDArray[np.float32]:
        if not any(maps):
            return np.empty((len(maps), 0), np.float32)
        self._scored.learn(name for every in maps if every for name in every)
        names = self._scored.names
        empty: dict[str, float] = {}
        rows = [[(every or empty).get(name, np.nan) for name in names] for every in maps]
        return np.array(rows, np.float32).reshape(len(rows), len(names))


def text_of(value: Any) -> str:
    """The whole text of a class: names are cut, classes are not."""
    return value if isinstance(value, str) else text(value)
