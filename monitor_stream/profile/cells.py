"""The cells of a column as what is followed of them: a number, or a category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Kind
from monitor_stream.observe.values import MAX_NUMBER, text
from monitor_stream.profile.text_types import parsed
from monitor_stream.replay.encode import seconds


def numbers(column: Any) -> Floats:
    """Numbers, NaN where a cell is missing or holds none.

    >>> numbers(pa.array([1, None])), numbers(pa.array(["1.5", "n/a"]))
    (array([ 1., nan]), array([1.5, nan]))
    """
    if is_text(column.type):
        return parsed(column)
    return np.asarray(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan), np.float64)


def lengths(column: Any) -> Floats:
    """Characters of text, NaN where there are none.

    >>> lengths(pa.array(["abc", "", None]))
    array([ 3., nan, nan])
    """
    found = np.asarray(pc.fill_null(pc.cast(pc.utf8_length(column), pa.float64()), 0.0))
    return np.where(found > 0.0, found, np.nan)


def ages(column: Any, at: Floats, name: str) -> Floats:
    """Seconds from a time to the prediction (Unix seconds)."""
    return at - seconds(column, name)


def norms(column: Any, dimension: int) -> Floats:
    """Euclidean norms of vectors, NaN where there is none, or one of another dimension or with gaps.

    >>> norms(pa.array([[3.0, 4.0], [1.0], None, [1.0, None]]), 2)
    array([ 5., nan, nan, nan])
    """
    fits = np.asarray(pc.equal(dimensions(column), dimension))
    found = np.full(len(column), np.nan)
    if dimension and fits.any():
        parts = numbers(pc.list_flatten(column.filter(pa.array(fits)))).reshape(-1, dimension)
        found[fits] = np.sqrt(np.square(parts).sum(axis=1))
    return found


def dimensions(column: Any) -> Any:
    """How many components vectors have, 0 for a missing one."""
    return pc.fill_null(pc.list_value_length(column), 0)


def dimension(column: Any) -> int:
    """The dimension of the first vector without a gap, 0 if there is none.

    >>> dimension(pa.array([None, [], [1.0, None, 2.0], [3.0, 4.0]]))
    2
    """
    for vector in column:
        parts = vector.as_py()
        if parts and all(part is not None and abs(part) <= MAX_NUMBER for part in parts):
            return len(parts)
    return 0


def categories(column: Any) -> Any:
    """Values as text, Arrow's way: ``true``, ``1`` (never ``1.0``), text as it is; NaN and infinity are missing.

    >>> categories(pa.array([1.0, 2.5, None, float("nan")])).to_pylist()
    ['1', '2.5', None, None]
    """
    if pa.types.is_floating(column.type):
        fits = pc.less_equal(pc.abs(column), MAX_NUMBER)
        column = pc.if_else(pc.fill_null(fits, False), pc.add(column, 0.0), pa.scalar(None, column.type))
    return pc.cast(column, pa.string())


def category_name(value: str, kind: Any) -> str:
    """The name that an event's value has, of a category in Arrow's text: the two differ for very small numbers.

    >>> category_name("0.00001", pa.float64()), category_name("0.00001", pa.string())
    ('1e-05', '0.00001')
    """
    return text(float(value)) if pa.types.is_floating(kind) else value


def followed(column: Any, kind: Kind, at: Floats | None, name: str, dimension: int) -> Floats:
    """The number that is followed of each cell of a column that is no categorical one."""
    if kind == "timestamp":
        return np.full(len(column), np.nan) if at is None else ages(column, at, name)
    if kind == "text":
        return lengths(column)
    return norms(column, dimension) if kind == "vector" else numbers(column)


def is_text(kind: Any) -> bool:
    """Whether it is Arrow's type of text."""
    return bool(pa.types.is_string(kind))


def is_number(kind: Any) -> bool:
    """Whether it is a type of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_vector(kind: Any) -> bool:
    """Whether it is a list of numbers."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and is_number(kind.value_type))
