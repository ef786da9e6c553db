"""What columns of text really hold, told from all of their cells: a CSV file says it nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.events.delta import Floats

#: From this share of numbers on, the cells that are none are errors in a column of numbers.
MOSTLY_NUMBERS = 0.95

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_BOOLEAN = pa.array(["true", "false"])
_TRIALS: tuple[Any, ...] = (pa.int64(), pa.float64(), pa.bool_())


class TextType(msgspec.Struct):
    """One column's evidence: the types that every cell so far could be read as, and how many are numbers."""

    alive: list[Any] = msgspec.field(default_factory=lambda: list(_TRIALS))
    values: int = 0
    numbers: int = 0

    def see(self, column: Any) -> None:
        """Take in cells (Arrow strings)."""
        column = column.drop_null()
        self.values += len(column)
        if not len(column):
            return
        self.alive = [kind for kind in self.alive if _reads_as(column, kind)]
        if pa.float64() in self.alive:
            self.numbers += len(column)
            return
        counted = pc.value_counts(column)
        texts, counts = counted.field("values"), counted.field("counts")
        self.numbers += _total(counts.filter(pc.match_substring_regex(texts, _NUMBER)))
        # A quoted nothing is no text either.
        self.values -= _total(counts.filter(pc.equal(texts, "")))

    @property
    def type(self) -> Any:
        """The narrowest type that holds all cells; text where there is none, or no cell."""
        return self.alive[0] if self.alive and self.values else pa.null() if not self.values else pa.string()

    @property
    def number_share(self) -> float:
        """The share of numbers among the cells that are not empty."""
        return self.numbers / self.values if self.values else 0.0


def text_types(batches: Iterable[Any]) -> tuple[dict[str, TextType], int]:
    """The evidence on each column of batches of text, and how many rows there are.

    >>> found, rows = text_types([pa.record_batch({"a": ["1", "2.5"], "b": ["1", "x"], "c": ["true", None]})])
    >>> [(name, str(column.type)) for name, column in found.items()], found["b"].number_share, rows
    ([('a', 'double'), ('b', 'string'), ('c', 'bool')], 0.5, 2)
    """
    found: dict[str, TextType] = {}
    rows = 0
    for batch in batches:
        rows += len(batch)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            found.setdefault(name, TextType()).see(column)
    return found, rows


def parsed(column: Any) -> Floats:
    """The numbers in a column of text, NaN for other cells.

    >>> parsed(pa.array(["1.5", "n/a", None, " 2 "]))
    array([1.5, nan, nan, 2. ])
    """
    numbers = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
    text = pc.utf8_trim_whitespace(pc.if_else(numbers, column, pa.scalar(None, pa.string())))
    return np.asarray(pc.fill_null(text.cast(pa.float64()), np.nan), np.float64)


def _reads_as(column: Any, kind: Any) -> bool:
    if pa.types.is_boolean(kind):
        return bool(pc.all(pc.is_in(pc.utf8_lower(column), value_set=_BOOLEAN)).as_py())
    return _casts(column, kind) or _casts(pc.utf8_trim_whitespace(column), kind)


def _casts(column: Any, kind: Any) -> bool:
    try:
        column.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _total(counts: Any) -> int:
    return int(pc.sum(counts).as_py() or 0)
