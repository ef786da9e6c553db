"""What scorers take and give: answers, truths and scores of many events as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.tables import TableName
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.values import hashes

Words = npt.NDArray[np.uint64]

#: How a label came. Its `word` is a float64, 0 or 1, or the hash of a text, in 64 bits: labels belong to a model,
#: and its versions may differ in their task.
NUMBER, BOOLEAN, TEXT = 0, 1, 2

#: Probabilities are kept this far from 0 and 1 in a log loss.
CLIP: Final = 1e-15


class Answers(msgspec.Struct):
    """Predictions as they wait: a 64-bit `word` (a float64, or the hash of a class), the score of the positive class
    (NaN without one), and in a multiclass task the probability of each class the scorer knows (NaN without one).

    A `missing` answer is none, an `unfit` one does not fit the task; neither is scored. In a regression `interval` has both
    ends of the range in which the truth is expected (NaN without one, no columns where no event has one), `expected` the
    absolute error that was foretold.
    """

    word: Words
    score: Floats
    probabilities: npt.NDArray[np.float32] | None
    missing: Array
    unfit: Array
    interval: Floats | None = None
    unfit_interval: Array | None = None
    expected: Floats | None = None


class Truths(msgspec.Struct):
    """Labels: how each came, and its word."""

    kind: npt.NDArray[np.uint8]
    word: Words

    @classmethod
    def of(cls, labels: Sequence[Any]) -> Truths:
        """Columns from the values of labels.

        >>> Truths.of([1.5, True]).kind
        array([0, 1], dtype=uint8)
        """
        kinds = {float: NUMBER, bool: BOOLEAN, str: TEXT}
        types = set(map(type, labels))
        if len(types) > 1:
            kind = np.array([kinds[type(label)] for label in labels], np.uint8)
            return cls(kind, np.array([_word(label) for label in labels], np.uint64))
        kind = np.full(len(labels), kinds[types.pop()], np.uint8)
        if isinstance(labels[0], float):
            return cls(kind, np.array(labels, np.float64).view(np.uint64))
        table = {label: _word(label) for label in set(labels)}
        return cls(kind, np.fromiter(map(table.__getitem__, labels), np.uint64, len(labels)))


class Scores(msgspec.Struct):
    """Scored pairs: a row a column of `performance` (pairs in columns), the error signal, the group codes to count in
    other tables (below 0: none), and in a regression the absolute error as a multiple of what is usual.

    `expected` is the error that was foretold (NaN: none), `None` where the spec has no estimator. Of classes, `confidence` is
    the score that is held against whether it `came_true` (NaN: no score), and `cells` who was taken for whom within groups.
    """

    performance: Floats
    error: Floats
    counts: dict[TableName, Ints]
    multiple: Floats | None = None
    expected: Floats | None = None
    confidence: Floats | None = None
    came_true: Array | None = None
    cells: Ints | None = None


class Weights(NamedTuple):
    """Counts that are no whole numbers: which predictions, the group code each adds to, and how much."""

    rows: Ints
    codes: Ints
    weights: Floats


class Foretold(NamedTuple):
    """What is foretold of some predictions: which, a row a column of `estimates`, and counts in other tables."""

    rows: Ints
    sums: Floats
    counts: dict[TableName, Weights]


class Scorer(Protocol):
    """One task of one spec."""

    #: What is kept of a waiting prediction beside its word.
    columns: tuple[str, ...]

    def answers(self, events: Sequence[Any]) -> Answers:
        """Columns from events, in the order of their topic."""
        ...

    def waiting(self, answers: Answers) -> Columns:
        """The `columns` of answers."""
        ...

    def numbers(self, answers: Answers) -> Floats | None:
        """The predictions as numbers with a mean; ``None`` where they are classes."""
        ...

    def said(self, answers: Answers) -> Floats | None:
        """What `answers` adds up, NaN where an answer is none that fits; ``None`` where there are many classes."""
        ...

    def said_classes(self, answers: Answers) -> Ints | None:
        """Codes of answers in `group_classes`, and in the rows of `group_confusion`; ``None`` but for many classes."""
        ...

    def proxies(self, answers: Answers) -> Floats | None:
        """A row a column of `proxies`, predictions in columns; ``None`` in a regression."""
        ...

    def foretell(self, answers: Answers, matrix: Floats, rows: Ints) -> Foretold | None:
        """What the spec's estimator says of predictions as they come; ``None`` without one.

        `rows` tells their rows of the matrix of features. What has to wait for the label is written into `answers`.
        """
        ...

    def truth(self, truths: Truths) -> tuple[Array, Array]:
        """Labels as this task compares them, and which of them fit."""
        ...

    def scorable(self, word: Words) -> Array:
        """Which waiting answers can be scored."""
        ...

    def score(self, predictions: Columns, truth: Array) -> Scores:
        """Compare waiting answers (`word` and `columns`) with truths that fit."""
        ...

    def group(self, table: TableName, code: int) -> str:
        """The group of a code in one of the tables of `Scores` or `Foretold`, or within a sensitive group."""
        ...

    def classes(self) -> list[list[str]]:
        """What was learned of classes, to be written."""
        ...

    def learn(self, classes: list[list[str]]) -> None:
        """What `classes` gave."""
        ...


def gaps(error: Floats, expected: Floats | None) -> tuple[Array, Floats, Floats]:
    """The columns `estimated gap gap_squared` of `performance`.

    >>> [column.tolist() for column in gaps(np.array([1.0, 0.0]), np.array([0.25, np.nan]))]
    [[True, False], [0.75, 0.0], [0.5625, 0.0]]
    """
    if expected is None:
        nothing = np.zeros(len(error))
        return nothing, nothing, nothing
    told = ~np.isnan(expected)
    gap = np.where(told, error - expected, 0.0)
    return told, gap, gap * gap


def floats(values: Sequence[Any]) -> Floats:
    """Numbers of a column that may hold ``None``, as NaN."""
    return np.array(values, np.float64)


def _word(label: Any) -> int:
    if isinstance(label, str):
        return int(hashes([label])[0])
    if isinstance(label, bool):
        return int(label)
    return int(np.float64(label).view(np.uint64))
