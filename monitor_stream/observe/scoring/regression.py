"""Regression: the signed error is prediction less label."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import ModelSpec, NumericReference
from monitor_stream.events.tables import TableName
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.scoring.answers import NUMBER, Answers, Foretold, Scores, Truths, Words, gaps
from monitor_stream.observe.scoring.intervals import coverage, read_intervals
from monitor_stream.observe.scoring.loss_model import ExpectedErrors
from monitor_stream.observe.values import MAX_NUMBER

#: Squares above this count as this in a sum of their squares, which would not be finite otherwise.
_LARGEST_SQUARE: Final = 1e140


class RegressionScorer:
    """See `Scorer`."""

    def __init__(self, spec: ModelSpec) -> None:
        self._tolerance = spec.tolerance
        self._relative = spec.relative_tolerance
        self._centre = spec.label.mean if isinstance(spec.label, NumericReference) else 0.0
        self._mean = spec.prediction.mean if isinstance(spec.prediction, NumericReference) else 0.0
        loss = spec.estimator.loss if spec.estimator else None
        self._loss = ExpectedErrors(spec, loss) if loss else None
        self.columns: tuple[str, ...] = ("interval", "expected") if loss else ("interval",)
        self._scale = (spec.error_scale.mean if spec.error_scale else 0.0) or 1.0

    def answers(self, events: Sequence[Any]) -> Answers:
        predictions = list(map(attrgetter("prediction"), events))
        kinds = set(map(type, predictions))
        missing = np.zeros(len(predictions), bool)
        if kinds != {float}:
            missing = np.array([value is None for value in predictions], bool)
            predictions = [value if type(value) is float else np.nan for value in predictions]
        value = np.array(predictions, np.float64)
        value[np.abs(value) > MAX_NUMBER] = np.nan
        nothing = np.full(len(value), np.nan)
        interval, unfit = read_intervals(list(map(attrgetter("interval"), events)))
        return Answers(
            value.view(np.uint64), nothing, None, missing, np.isnan(value) & ~missing, interval, unfit
        )

    def waiting(self, answers: Answers) -> Columns:
        kept = {"interval": answers.interval, "expected": answers.expected}
        return {name: column for name, column in kept.items() if column is not None}

    def numbers(self, answers: Answers) -> Floats | None:
        return answers.word.view(np.float64)

    def said(self, answers: Answers) -> Floats | None:
        centred: Floats = answers.word.view(np.float64) - self._mean
        return centred

    def said_classes(self, answers: Answers) -> Ints | None:
        return None

    def proxies(self, answers: Answers) -> Floats | None:
        return None

    def foretell(self, answers: Answers, matrix: Floats, rows: Ints) -> Foretold | None:
        if self._loss is None:
            return None
        number = answers.word.view(np.float64)
        answers.expected = self._loss(matrix, rows, number)
        told = np.flatnonzero(~np.isnan(number))
        return Foretold(told, np.stack([np.ones(len(told)), answers.expected[told]]), {})

    def truth(self, truths: Truths) -> tuple[Array, Array]:
        value = np.where(truths.kind == NUMBER, truths.word.view(np.float64), np.nan)
        return value, np.abs(value) <= MAX_NUMBER

    def scorable(self, word: Words) -> Array:
        return ~np.isnan(word.view(np.float64))

    def score(self, predictions: Columns, truth: Array) -> Scores:
        error = predictions["word"].view(np.float64) - truth
        expected = predictions.get("expected")
        size = np.abs(error)
        bad = np.zeros(len(error), bool)
        if self._tolerance is not None:
            bad |= size > self._tolerance
        if self._relative is not None:
            bad |= size > self._relative * np.abs(truth)
        label = truth - self._centre
        squared, far = error * error, np.abs(truth)
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
                *coverage(predictions["interval"], truth),
                *gaps(size, expected),
            ]
        )
        return Scores(sums, size, {}, size / self._scale, expected)

    def group(self, table: TableName, code: int) -> str:
        return ""

    def classes(self) -> list[list[str]]:
        return []

    def learn(self, classes: list[list[str]]) -> None:
        """Nothing is learned of numbers."""
