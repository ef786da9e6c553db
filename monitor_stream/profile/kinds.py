"""What kind of feature a column is."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.events.spec import Kind

#: Integers with no more distinct values than this are codes, not quantities.
FEW_VALUES = 10
#: A text column in which more than this share of values are distinct names the rows.
_MOSTLY_DISTINCT = 0.5
_ENOUGH_ROWS = 100


def kind_of(column: Any) -> Kind | None:
    """The kind of a feature; None for what is none: times, nested values, and text that names the row.

    >>> kind_of(pa.array([1.5, 2.5])), kind_of(pa.array([True])), kind_of(pa.array(["a", "a"]))
    ('numeric', 'boolean', 'categorical')
    >>> kind_of(pa.array([1, 2, 1])), kind_of(pa.array(range(100)))
    ('categorical', 'numeric')
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "categorical" if pc.count_distinct(column).as_py() <= FEW_VALUES else "numeric"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "numeric"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return None if _names_rows(column) else "categorical"
    return None


def _names_rows(column: Any) -> bool:
    values = len(column) - column.null_count
    return bool(values >= _ENOUGH_ROWS and pc.count_distinct(column).as_py() > _MOSTLY_DISTINCT * values)
