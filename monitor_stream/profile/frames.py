"""Tables of any library as Arrow tables."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from monitor_stream.errors import InputError
from monitor_stream.observe.values import text

_MIXED = b"monitor_stream.mixed"


def arrow_table(frame: Any) -> Any:
    """A frame of pandas, polars or any library that speaks Arrow's C stream; an Arrow table as it is.

    A column of mixed values becomes text.

    >>> arrow_table({"a": [1, 2]}).column_names
    ['a']
    """
    if type(frame).__module__.partition(".")[0] == "pandas":
        return _of_pandas(frame)
    try:
        table = pa.table(frame)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"A {type(frame).__name__} is no table: give a pyarrow table, a pandas or a polars frame"
        ) from error
    return table


def plain(column: Any) -> Any:
    """A column in one of Arrow's plain types, which all of its functions take.

    >>> plain(pa.array(["a", "b", "a"]).dictionary_encode()).type
    DataType(string)
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return column.cast(pa.float64())
    return column


def as_text(values: list[Any]) -> Any:
    """Values of mixed types as an Arrow array of text, as events name them; NaN is missing.

    >>> as_text([1, "a", True, None, float("nan")]).to_pylist()
    ['1', 'a', 'true', None, None]
    """
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 only NaN differs from itself
        return None
    return text(value) if isinstance(value, str | bool | int | float) else str(value)


def mixed_columns(table: Any) -> list[str]:
    """The columns that `arrow_table` made text of because their values are of mixed types."""
    return [field.name for field in table.schema if _MIXED in (field.metadata or {})]


def _of_pandas(frame: Any) -> Any:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, OverflowError):
        pass
    fields, arrays = [], []
    for name in frame.columns:
        metadata = None
        try:
            array = pa.array(frame[name], from_pandas=True)
        except (pa.ArrowException, OverflowError):
            array, metadata = as_text(frame[name].tolist()), {_MIXED: b""}
        fields.append(pa.field(str(name), array.type, metadata=metadata))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
