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
        return pa.table(frame)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"A {type(frame).__name__} is no table: give a pyarrow table, a pandas or a polars frame"
        ) from error
