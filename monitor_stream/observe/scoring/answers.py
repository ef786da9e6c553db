"""What scorers take and give: answers, truths and scores of many events as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.tables import TableName
from monitor_stream.observe.columns import Array
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

    A `missing` answer is none, an `unfit` one does not fit the task; neither is scored.
    """

    word: Words
    score: Floats
    probabilities: npt.NDArray[np.float32] | None
    missing: Array
    unfit: Array


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
    """

    performance: Floats
    error: Floats
    counts: dict[TableName, Ints]
    multiple: Floats | None = None


class Scorer(Protocol):
    """One task of one spec."""

    def answers(self, predictions: Sequence[Any], scores: Sequence[Any], maps: Sequence[Any]) -> Answers:
        """Columns from the fields `prediction`, `score` and `scores` of events, in the order of their topic."""
        ...

    def numbers(self, answers: Answers) -> Floats | None:
        """The predictions as numbers with a mean; ``None`` where they are classes."""
        ...

    def truth(self, truths: Truths) -> tuple[Array, Array]:
        """Labels as this task compares them, and which of them fit."""
        ...

    def scorable(self, word: Words) -> Array:
        """Which waiting answers can be scored."""
        ...

    def score(self, word: Words, chance: Array | None, truth: Array) -> Scores:
        """Compare answers with truths that fit; `chance` is the score, or the probability of each class."""
        ...

    def group(self, table: TableName, code: int) -> str:
        """The group of a code in one of the tables of `Scores`."""
        ...

    def classes(self) -> list[list[str]]:
        """What was learned of classes, to be written."""
        ...

    def learn(self, classes: list[list[str]]) -> None:
        """What `classes` gave."""
        ...


def floats(values: Sequence[Any]) -> Floats:
    """Numbers of a column that may hold ``None``, as NaN."""
    return np.array(values, np.float64)


def _word(label: Any) -> int:
    if isinstance(label, str):
        return int(hashes([label])[0])
    if isinstance(label, bool):
        return int(label)
    return int(np.float64(label).view(np.uint64))
