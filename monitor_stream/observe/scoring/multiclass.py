"""Many classes, compared by the hash of their text: a pair is right or wrong whether or not its classes have names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import MAX_CLASSES, OTHER, ModelSpec
from monitor_stream.events.tables import GROUP_CLASSES, NEAR, TableName, confusion_group
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.scoring.answers import (
    BOOLEAN,
    CLIP,
    NUMBER,
    Answers,
    Foretold,
    Scores,
    Truths,
    Weights,
    Words,
    gaps,
)
from monitor_stream.observe.scoring.classes import Classes
from monitor_stream.observe.scoring.isotonic import isotonic_maps
from monitor_stream.observe.values import hashes, text

_SPAN: Final = MAX_CLASSES + 1
#: The word of an answer that is no class.
NO_CLASS: Final = np.uint64(0)
#: Numbers of classes within a sensitive group.
_FEW: Final = GROUP_CLASSES + 1


class MulticlassScorer:
    """See `Scorer`. Classes that get a name: the spec's, then as they are seen, those said and those true apart.

    Each topic names its own, so that neither depends on how far the other was read; `MAX_CLASSES` in each.
    """

    columns: tuple[str, ...] = ("p",)

    def __init__(self, spec: ModelSpec, truth_classes: Classes) -> None:
        self._maps = isotonic_maps(spec.estimator.maps) if spec.estimator else {}
        self._spec = list(spec.classes[:MAX_CLASSES])
        self._truths = truth_classes
        self._said = Classes(self._spec)
        self._scored = Classes(self._spec)

    def answers(self, events: Sequence[Any]) -> Answers:
        predictions, maps = (
            list(map(attrgetter("prediction"), events)),
            list(map(attrgetter("scores"), events)),
        )
        texts: Sequence[str | None] = predictions
        if set(map(type, predictions)) != {str}:
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

    def waiting(self, answers: Answers) -> Columns:
        return {} if answers.probabilities is None else {"p": answers.probabilities}

    def numbers(self, answers: Answers) -> Floats | None:
        return None

    def said(self, answers: Answers) -> Floats | None:
        return None

    def proxies(self, answers: Answers) -> Floats | None:
        chances = np.asarray(answers.probabilities, np.float64)
        if not chances.shape[1]:
            return np.zeros((3, len(chances)))
        there = ~np.isnan(chances)
        ordered = np.sort(np.where(there, chances, -1.0), axis=1)
        first, second = (
            ordered[:, -1],
            ordered[:, -2] if chances.shape[1] > 1 else np.full(len(chances), -1.0),
        )
        scored = first >= 0.0
        near = (second >= 0.0) & (first - second <= NEAR)
        return np.stack([scored, near, np.where(scored, 1.0 - first, 0.0)])

    def foretell(self, answers: Answers, matrix: Floats, rows: Ints) -> Foretold | None:
        if not self._maps:
            return None
        raw = np.asarray(answers.probabilities, np.float64)
        every = self._calibrated(raw)
        right = self._of(answers.word, every)
        told = np.flatnonzero(~np.isnan(right))
        raw, every, right = raw[told], np.nan_to_num(every[told]), right[told]
        loss = -np.log(np.clip(np.nan_to_num(raw, nan=1.0), CLIP, 1.0))
        sums = np.stack([np.ones(len(told)), right, (every * loss).sum(axis=1), right * (1.0 - right)])
        said = self._said.codes(answers.word[told])
        cells = said[:, None] * _SPAN + np.arange(every.shape[1])[None, :]
        some = every > 0.0
        counts = Weights(np.broadcast_to(told[:, None], some.shape)[some], cells[some], every[some])
        return Foretold(told, sums, {"estimated_confusion": counts})

    def said_classes(self, answers: Answers) -> Ints | None:
        return np.minimum(self._said.codes(answers.word), GROUP_CLASSES)

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

    def score(self, predictions: Columns, truth: Array) -> Scores:
        word, chances = predictions["word"], np.asarray(predictions["p"], np.float64)
        wrong = (word != truth).astype(np.float64)
        of_truth = self._of(truth, chances)
        scored = ~np.isnan(of_truth)
        loss = -np.log(np.clip(np.where(scored, of_truth, 1.0), CLIP, 1.0))
        said, true = self._said.codes(word), self._true().codes(truth)
        expected = 1.0 - self._of(word, self._calibrated(chances)) if self._maps else None
        sums = np.stack([np.ones(len(wrong)), wrong, scored, loss, loss * loss, *gaps(wrong, expected)])
        highest = np.fmax.reduce(chances, axis=1) if chances.shape[1] else np.full(len(wrong), np.nan)
        return Scores(
            sums,
            wrong,
            {"confusion": said * _SPAN + true},
            expected=expected,
            confidence=highest,
            came_true=wrong == 0.0,
            cells=np.minimum(said, GROUP_CLASSES) * _FEW + np.minimum(true, GROUP_CLASSES),
        )

    def group(self, table: TableName, code: int) -> str:
        if table == "group_classes":
            return _few(self._said, code)
        if table == "group_confusion":
            return confusion_group(_few(self._said, code // _FEW), _few(self._true(), code % _FEW))
        true = self._scored if table == "estimated_confusion" else self._true()
        return confusion_group(self._said.name(code // _SPAN), true.name(code % _SPAN))

    def classes(self) -> list[list[str]]:
        return [self._said.names, self._scored.names]

    def learn(self, classes: list[list[str]]) -> None:
        for known, names in zip((self._said, self._scored), classes, strict=True):
            known.learn(names)

    def _calibrated(self, chances: Floats) -> Floats:
        """Probabilities by the maps (of a class that has none, as they came), made to sum to 1; NaN where there is none."""
        every = chances.copy()
        for column, name in enumerate(self._scored.names[: chances.shape[1]]):
            known = self._maps.get(name)
            if known is not None:
                every[:, column] = known(chances[:, column])
        total = np.nansum(every, axis=1, keepdims=True)
        normalised: Floats = every / np.where(total > 0.0, total, np.nan)
        return normalised

    def _of(self, word: Words, chances: Floats) -> Floats:
        """The probability of one class in each row, NaN where there is none."""
        column = self._scored.codes(word)
        known = np.flatnonzero(column < chances.shape[1])
        chance = np.full(len(word), np.nan)
        chance[known] = chances[known, column[known]]
        return chance

    def _true(self) -> Classes:
        return Classes([*self._spec, *self._truths.names])

    def _probabilities(self, maps: Sequence[Any]) -> npt.NDArray[np.float32]:
        if not any(maps):
            return np.empty((len(maps), 0), np.float32)
        self._scored.learn(chain.from_iterable(filter(None, maps)))
        names = self._scored.names
        try:
            rows = list(map(itemgetter(*names), maps))
        except (KeyError, TypeError):  # a class, or all of them, missing in an event
            empty: dict[str, float] = {}
            rows = [[(every or empty).get(name, np.nan) for name in names] for every in maps]
        return np.array(rows, np.float32).reshape(len(rows), len(names))


def _few(classes: Classes, code: int) -> str:
    return classes.name(code) if code < GROUP_CLASSES else OTHER


def text_of(value: Any) -> str:
    """The whole text of a class: names are cut, classes are not."""
    return value if isinstance(value, str) else text(value)
