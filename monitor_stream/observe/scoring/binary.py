"""Two classes: the one the spec calls positive, and everything else that fits beside it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import NEAR, SCORE_BINS, TableName
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.scoring.answers import (
    BOOLEAN,
    CLIP,
    NUMBER,
    TEXT,
    Answers,
    Foretold,
    Scores,
    Truths,
    Weights,
    Words,
    floats,
    gaps,
)
from monitor_stream.observe.scoring.isotonic import isotonic_maps
from monitor_stream.observe.values import hashes, text

#: Booleans in the forms services send them: JSON's, and 0 and 1. They are the same two classes.
_BOOLEANS: Final = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}


class BinaryScorer:
    """See `Scorer`. Classes travel as 1 (positive) and 0.

    Where the positive class is a boolean (``"true"``, ``"1"``, ``"false"``, ``"0"``) only the two booleans fit, in
    either form. Where it is another number or a word, any text fits, and numbers do if it is a number.
    """

    columns: tuple[str, ...] = ("score",)

    def __init__(self, spec: ModelSpec) -> None:
        self._positive = spec.positive
        self._threshold = spec.threshold
        self._boolean = spec.positive in _BOOLEANS
        self._numeric = _is_number(spec.positive)
        texts = list(_BOOLEANS) if self._boolean else [spec.positive]
        self._map = isotonic_maps(spec.estimator.maps).get(spec.positive) if spec.estimator else None
        self._words = {
            int(word): self.class_of(name) for name, word in zip(texts, hashes(texts), strict=True)
        }

    def answers(self, events: Sequence[Any]) -> Answers:
        predictions, maps = (
            list(map(attrgetter("prediction"), events)),
            list(map(attrgetter("scores"), events)),
        )
        scores = list(map(attrgetter("score"), events))
        if any(maps):
            scores = [
                one if one is not None else (every or {}).get(self._positive)
                for one, every in zip(scores, maps, strict=True)
            ]
        score = floats(scores)
        kinds = set(map(type, predictions))
        if len(kinds - {type(None)}) <= 1:
            table = {value: self.class_of(value) for value in set(predictions)}
            given = np.fromiter(map(table.__getitem__, predictions), np.float64, len(predictions))
        else:
            given = np.fromiter(map(self.class_of, predictions), np.float64, len(predictions))
        absent = np.array([value is None for value in predictions], bool) if type(None) in kinds else None
        if absent is None:
            return Answers(given.view(np.uint64), score, None, np.zeros(len(given), bool), np.isnan(given))
        scored = ~np.isnan(score)
        given = np.where(absent & scored, score >= self._threshold, given)
        missing = absent & ~scored
        return Answers(given.view(np.uint64), score, None, missing, np.isnan(given) & ~missing)

    def waiting(self, answers: Answers) -> Columns:
        return {"score": answers.score}

    def numbers(self, answers: Answers) -> Floats | None:
        return None

    def said(self, answers: Answers) -> Floats | None:
        return answers.word.view(np.float64)

    def said_classes(self, answers: Answers) -> Ints | None:
        return None

    def proxies(self, answers: Answers) -> Floats | None:
        scored = ~np.isnan(answers.score)
        score = np.where(scored, answers.score, 1.0)
        near = scored & (np.abs(score - self._threshold) <= NEAR)
        return np.stack([scored, near, np.minimum(score, 1.0 - score)])

    def foretell(self, answers: Answers, matrix: Floats, rows: Ints) -> Foretold | None:
        if self._map is None:
            return None
        word = answers.word.view(np.float64)
        told = np.flatnonzero(~(np.isnan(answers.score) | np.isnan(word)))
        score, said = answers.score[told], word[told]
        chance = self._map(score)
        never = 1.0 - chance
        loss = chance * np.log(np.maximum(score, CLIP)) + never * np.log(np.maximum(1.0 - score, CLIP))
        sums = np.stack(
            [
                np.ones(len(told)),
                chance * said,
                never * said,
                never * (1.0 - said),
                chance * (1.0 - said),
                -loss,
                chance * (1.0 - score) ** 2 + never * score**2,
                chance * never,
            ]
        )
        bins = score_bin(score)
        counts = Weights(
            np.concatenate((told, told)),
            np.concatenate((bins, bins + SCORE_BINS)),
            np.concatenate((never, chance)),
        )
        return Foretold(told, sums, {"estimated_scores": counts})

    def truth(self, truths: Truths) -> tuple[Array, Array]:
        value = np.full(len(truths.kind), np.nan)
        for kind, convert in ((NUMBER, self._of_number), (BOOLEAN, self._of_boolean), (TEXT, self._of_text)):
            rows = np.flatnonzero(truths.kind == kind)
            if len(rows):
                words, places = np.unique(truths.word[rows], return_inverse=True)
                value[rows] = np.array([convert(word) for word in words])[places]
        return value, ~np.isnan(value)

    def scorable(self, word: Words) -> Array:
        return ~np.isnan(word.view(np.float64))

    def score(self, predictions: Columns, truth: Array) -> Scores:
        score = predictions["score"]
        said, true = predictions["word"].view(np.float64) == 1.0, truth == 1.0
        wrong = (said != true).astype(np.float64)
        scored = ~np.isnan(score)
        chance = np.where(scored, score, 0.5)
        of_truth = np.clip(np.where(true, chance, 1.0 - chance), CLIP, 1.0)
        loss = np.where(scored, -np.log(of_truth), 0.0)
        squared = np.where(scored, (chance - true) ** 2, 0.0)
        expected = None if self._map is None else np.abs(said - self._map(score))
        sums = np.stack(
            [
                np.ones(len(wrong)),
                wrong,
                said & true,
                said & ~true,
                ~said & ~true,
                ~said & true,
                scored,
                loss,
                squared,
                np.where(scored, chance, 0.0),
                loss * loss,
                squared * squared,
                *gaps(wrong, expected),
            ]
        )
        codes = np.where(scored, true * SCORE_BINS + score_bin(chance), -1)
        return Scores(sums, wrong, {"scores": codes}, expected=expected, confidence=score, came_true=true)

    def group(self, table: TableName, code: int) -> str:
        return "positive" if code else "negative"

    def classes(self) -> list[list[str]]:
        return []

    def learn(self, classes: list[list[str]]) -> None:
        """Both classes are known from the spec."""

    def class_of(self, value: Any) -> float:
        """1 for the positive class, 0 for the other one, NaN for what does not fit."""
        if value is None:
            return np.nan
        if self._boolean:
            said = _BOOLEANS.get(text(value), np.nan)
            return said if _BOOLEANS[self._positive] == 1.0 else 1.0 - said
        if isinstance(value, bool) or (isinstance(value, float) and not self._numeric):
            return np.nan
        return float(text(value) == self._positive)

    def _of_number(self, word: np.uint64) -> float:
        return self.class_of(float(word.view(np.float64)))

    def _of_boolean(self, word: np.uint64) -> float:
        return self.class_of(bool(word))

    def _of_text(self, word: np.uint64) -> float:
        return self._words.get(int(word), np.nan if self._boolean else 0.0)


def _is_number(name: str) -> bool:
    try:
        return text(float(name)) == name
    except (ValueError, OverflowError):
        return False
