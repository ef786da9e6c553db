"""Regression: the signed error is prediction less label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec, NumericReference
from monitor_stream.events.tables import TableName
from monitor_stream.observe.columns import Array
from monitor_stream.observe.scoring.answers import NUMBER, Answers, Scores, Truths, Words
from monitor_stream.observe.values import MAX_NUMBER

#: Squares above this count as this in a sum of their squares, which would not be finite otherwise.
_LARGEST_SQUARE: Final = 1e140


class RegressionScorer:
    """See `Scorer`."""

    def __init__(self, spec: ModelSpec) -> None:
        self._tolerance = spec.tolerance
        self._relative = spec.relative_tolerance
        self._centre = spec.label.mean if isinstance(spec.label, NumericReference) else 0.0
        self._scale = (spec.error_scale.mean if spec.error_scale else 0.0) or 1.0

    def answers(self, predictions: Sequence[Any], scores: Sequence[Any], maps: Sequence[Any]) -> Answers:
        kinds = set(map(type, predictions))
        missing = np.zeros(len(predictions), bool)
        if kinds != {float}:
            missing = np.array([value is None for value in predictions], bool)
            predictions = [value if type(value) is float else np.nan for value in predictions]
        value = np.array(predictions, np.float64)
        value[np.abs(value) > MAX_NUMBER] = np.nan
        nothing = np.full(len(value), np.nan)
        return Answers(value.view(np.uint64), nothing, None, missing, np.isnan(value) & ~missing)

    def numbers(self, answers: Answers) -> Floats | None:
        return answers.word.view(np.float64)

    def truth(self, truths: Truths) -> tuple[Array, Array]:
        value = np.where(truths.kind == NUMBER, truths.word.view(np.float64), np.nan)
        return value, np.abs(value) <= MAX_NUMBER

    def scorable(self, word: Words) -> Array:
        return ~np.isnan(word.view(np.float64))

    def score(self, word: Words, chance: Array | None, truth: Array) -> Scores:
        error = word.view(np.float64) - truth
        size = np.abs(error)
        bad = np.zeros(len(error), bool)
        if self._tolerance is not None:
            bad |= size > self._tolerance
        if self._relative is not None:
            bad |= size > self._relative * np.abs(truth)
        label = truth - self._centre
        squared, far, none = error * error, np.abs(truth), np.zeros(len(error))
        sums = np.stack(
            [
                np.ones(len(error)),
                bad,
                error,
                size,
                squared,
                label,
                label * label,
                far,
                np.minimum(squared, _LARGEST_SQUARE) ** 2,
                size * far,
                none,
                none,
                none,
                none,
                none,
                none,
            ]
        )
        return Scores(sums, size, {}, size / self._scale)

    def group(self, table: TableName, code: int) -> str:
        return ""

    def classes(self) -> list[list[str]]:
        return []

    def learn(self, classes: list[list[str]]) -> None:
        """Nothing is learned of numbers."""
