"""Events from the columns of a table, as the JSON a service would have sent.

A column is turned into JSON text as a whole and the columns are joined as a whole, so that an event costs about a
microsecond and no Python object is made for a cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import InputError

#: What JSON does not allow in a string as it is.
_ESCAPED = r'["\\\x00-\x1f]'
_NULL = "null"


def seconds(column: Any, name: str) -> npt.NDArray[np.float64]:
    """Times as Unix seconds, NaN where there is none.

    Timestamps without a zone count as UTC, numbers as Unix seconds, text as ISO 8601.

    >>> seconds(pa.array(["2013-03-01T10:15:00Z", None]), "departure").tolist()
    [1362132900.0, nan]
    """
    kind = column.type
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pc.cast(column, _text_time(column))
        if pa.types.is_date(column.type):
            column = pc.cast(column, pa.timestamp("s"))
        if pa.types.is_timestamp(column.type):
            column = pc.divide(pc.cast(pc.cast(column, _microseconds(column.type)), pa.int64()), 1e6)
        return np.asarray(pc.fill_null(pc.cast(column, pa.float64()), float("nan")), np.float64)
    except pa.ArrowException as error:
        raise InputError(f"The column {name} ({kind}) cannot be read as times: {error}") from error


def _text_time(column: Any) -> Any:
    # Arrow reads an offset only into a type with a zone, and text without one only into a type without.
    zoned = pc.any(pc.match_substring_regex(column, r"(Z|[+-]\d\d:?\d\d)$")).as_py()
    return pa.timestamp("us", tz="UTC") if zoned else pa.timestamp("us")


def _microseconds(kind: Any) -> Any:
    return pa.timestamp("us", tz=kind.tz)


def json_text(column: Any) -> Any:
    r"""A column as JSON values; a missing or infinite one is ``null``, which is how JSON says it.

    >>> json_text(pa.array([1.5, None, float("nan")])).to_pylist()
    ['1.5', 'null', 'null']
    >>> json_text(pa.array(["plain", 'a "quote"'])).to_pylist()
    ['"plain"', '"a \\"quote\\""']
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
        return pc.fill_null(pc.cast(finite, pa.string()), _NULL)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return pc.fill_null(pc.cast(column, pa.string()), _NULL)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.fill_null(pc.binary_join_element_wise('"', _utc(column), '"', ""), _NULL)
    return pc.fill_null(_quoted(pc.cast(column, pa.string())), _NULL)


def json_string(column: Any) -> Any:
    """A column as JSON strings, numbers too: for ids."""
    return json_text(pc.cast(column, pa.string()))


def json_object(members: Mapping[str, Any], *, keep_null: bool = True) -> Any:
    """Objects with one member a column of JSON values; a missing member is ``null``, or left out (but for the first).

    >>> json_object({"a": pa.array(["1", "2"]), "b": pa.array(["null", "true"])}, keep_null=False).to_pylist()
    ['{"a":1}', '{"a":2,"b":true}']
    """
    parts = []
    for position, (name, text) in enumerate(members.items()):
        before = "," if position else "{"
        member = pc.binary_join_element_wise(f"{before}{_key(name)}:", text, "")
        parts.append(member if keep_null or not position else pc.if_else(pc.equal(text, _NULL), "", member))
    return pc.binary_join_element_wise(*parts, "}", "")


def json_pair(first: Any, second: Any) -> Any:
    """Lists of two numbers; ``null`` where one of them is missing or infinite.

    >>> json_pair(pa.array([1.5, 2.0]), pa.array([2.5, None])).to_pylist()
    ['[1.5,2.5]', 'null']
    """
    low, high = json_text(first), json_text(second)
    missing = pc.or_(pc.equal(low, _NULL), pc.equal(high, _NULL))
    return pc.if_else(missing, _NULL, pc.binary_join_element_wise("[", low, ",", high, "]", ""))


def _utc(column: Any) -> Any:
    """RFC 3339 to the microsecond, which is as fine as events have it; what has no zone counts as UTC, a date is its midnight."""
    text = pc.cast(pc.cast(column, pa.timestamp("us", tz="UTC"), safe=False), pa.string())
    return pc.replace_substring(text, " ", "T", max_replacements=1)


def constant(value: Any, rows: int) -> Any:
    """The same JSON value in every row."""
    return pa.repeat(orjson.dumps(value).decode(), rows)


def _key(name: str) -> str:
    return orjson.dumps(name).decode()


def _quoted(column: Any) -> Any:
    plain = pc.binary_join_element_wise('"', column, '"', "")
    odd = pc.fill_null(pc.match_substring_regex(column, _ESCAPED), False)
    if not pc.any(odd).as_py():
        return plain
    escaped = [orjson.dumps(text).decode() for text in pc.filter(column, odd).to_pylist()]
    return pc.replace_with_mask(plain, odd, pa.array(escaped, pa.string()))
