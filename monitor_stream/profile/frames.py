"""Tables of any library as Arrow tables."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from monitor_stream.errors import InputError


def arrow_table(frame: Any) -> Any:
    """A frame of pandas, polars or any library that speaks Arrow's C stream; an Arrow table as it is.

    >>> arrow_table({"a": [1, 2]}).column_names
    ['a']
    """
    if type(frame).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(frame, preserve_index=False)
    try:
        table = pa.table(frame)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"A {type(frame).__name__} is no table: give a pyarrow table, a pandas or a polars frame"
        ) from error
    # Polars' strings are views, which many of Arrow's functions do not take yet.
    for position, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(position, field.name, table[position].cast(pa.string()))
    return table
