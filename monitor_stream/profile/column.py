"""One column in the first reading, and the kind that it turns out to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Kind
from monitor_stream.profile.cells import categories, dimension, followed, is_number, is_text, is_vector
from monitor_stream.profile.sample import Hashes
from monitor_stream.profile.survey import Numbers, Texts
from monitor_stream.profile.text_types import MOSTLY_NUMBERS


class Column:
    """What a column of the rows holds.

    Parameters
    ----------
    kind
        Its Arrow type.
    number_share
        Where a column of text holds numbers too: their share.
    given
        The kind that somebody says it is.
    """

    def __init__(self, name: str, kind: Any, number_share: float = 0.0, given: Kind | None = None) -> None:
        self.name = name
        self.type = kind
        self.number_share = number_share
        self.given = given
        self.rows = 0
        self.nulls = 0
        self.empty = 0
        #: Of a vector: that of the first whole one, as OBSERVE takes it where nobody says it.
        self.dimension = 0
        self.row_numbers = pa.types.is_integer(kind)
        self.texts = Texts() if is_text(kind) or pa.types.is_boolean(kind) else None
        self.numbers = {kind: Numbers() for kind in self._kinds()}
        self.other = ""
        self._next: int | None = None

    def _kinds(self) -> Sequence[Kind]:
        """The kinds that it could be and that are followed by a number."""
        if is_text(self.type):
            if self.given == "numeric" or self.number_share >= MOSTLY_NUMBERS:
                return ["numeric"]
            return ["text", "timestamp", "numeric"] if self.number_share else ["text", "timestamp"]
        if is_number(self.type):
            return ["numeric"]
        if pa.types.is_temporal(self.type):
            return ["timestamp"]
        return ["vector"] if is_vector(self.type) else []

    def see(self, column: Any, at: Floats | None, rows: Hashes) -> None:
        """Take in a block: the cells, the times of the predictions, the numbers of the rows."""
        self.rows += len(column)
        self.nulls += column.null_count
        if self.texts is not None:
            self.texts.see(categories(column), rows)
        for kind, numbers in self.numbers.items():
            if kind == "timestamp" and self.texts is not None and not self.texts.times:
                continue
            if kind == "vector" and not self.dimension:
                self.dimension = dimension(column)
            found = followed(column, kind, at, self.name, self.dimension)
            if kind == "text":
                self.empty += int(np.isnan(found).sum()) - column.null_count
            if is_text(self.type) and kind == "numeric":
                self._see_other(column, found)
            numbers.see(found, rows)
        if self.row_numbers:
            self._see_row_numbers(column)

    def _see_other(self, column: Any, numbers: Floats) -> None:
        """Keep an example of a cell that is no number."""
        if not self.other:
            others = column.filter(pc.and_(pa.array(np.isnan(numbers)), column.is_valid()))
            self.other = others[0].as_py() if len(others) else ""

    def _see_row_numbers(self, column: Any) -> None:
        if column.null_count or not len(column):
            self.row_numbers = False
            return
        values = np.asarray(column)
        first = int(values[0])
        self.row_numbers = (self._next is None or first == self._next) and bool((np.diff(values) == 1).all())
        self._next = int(values[-1]) + 1

    @property
    def values(self) -> int:
        """Cells that hold something: no null, no NaN."""
        if is_number(self.type):
            return self.numbers["numeric"].count
        return self.rows - self.nulls

    @property
    def infinite(self) -> int:
        """Numbers that cannot be computed with."""
        return sum(numbers.infinite for numbers in self.numbers.values())

    @property
    def distinct(self) -> int | None:
        """How many different values there are."""
        found = self.texts or self.numbers.get("numeric")
        return None if found is None else min(found.distinct.distinct, found.count)

    @property
    def exact(self) -> bool:
        """Whether `distinct` is no estimate."""
        if self.texts is not None:
            return self.texts.distinct.exact
        return "numeric" not in self.numbers or self.numbers["numeric"].distinct.exact

    @property
    def singletons(self) -> int:
        """How many values came once."""
        found = self.texts or self.numbers["numeric"]
        return found.distinct.singletons

    def commonest(self, count: int) -> list[str]:
        """The commonest categories, in Arrow's text: exactly, or by a sample of the rows where they are too many."""
        found = self.texts or self.numbers["numeric"]
        if found.distinct.exact:
            values = [value for value, _ in found.distinct.counts()[:count]]
        else:
            counted = pc.value_counts(pa.array(found.sample()))
            table = pa.table({"value": counted.field("values"), "count": counted.field("counts")})
            table = table.sort_by([("count", "descending"), ("value", "ascending")])
            values = table["value"].slice(0, count).to_pylist()
        array = pa.array(values, pa.string() if self.texts else pa.float64())
        return list(
            categories(array.cast(self.type) if pa.types.is_integer(self.type) else array).to_pylist()
        )
