"""Columns of one length by name: stacked, packed as bytes, and read again. No pickle, no dtype of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Columns = dict[str, Array]


def concatenate(arrays: Sequence[Array], kind: npt.DTypeLike) -> Array:
    """Arrays one after another; a matrix with fewer columns than another is filled up with NaN.

    >>> concatenate([np.ones((1, 1)), np.ones((1, 2))], float)
    array([[ 1., nan],
           [ 1.,  1.]])
    """
    if not arrays:
        return np.empty(0, kind)
    if len(arrays) == 1:
        return arrays[0]
    widths = {array.shape[1:] for array in arrays}
    if len(widths) > 1:
        width = max(widths)[0]
        arrays = [np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=np.nan) for a in arrays]
    return np.concatenate(arrays)


def stack(parts: Sequence[Columns]) -> Columns:
    """Rows of the same columns one after another."""
    return {
        name: concatenate([part[name] for part in parts], column.dtype) for name, column in parts[0].items()
    }


def select(columns: Columns, rows: Array | slice) -> Columns:
    """Some rows, by mask, index or slice."""
    return {name: column[rows] for name, column in columns.items()}


def pack(columns: Columns) -> bytes:
    """Name, type, shape and little-endian values of each column.

    >>> unpack(pack({"n": np.arange(3)}))
    {'n': array([0, 1, 2])}
    """
    return msgspec.msgpack.encode(
        {name: (column.dtype.str, column.shape, column.tobytes()) for name, column in columns.items()}
    )


def unpack(data: bytes) -> Columns:
    """What `pack` wrote, free to be changed."""
    packed = msgspec.msgpack.decode(data, type=dict[str, tuple[str, list[int], bytes]])
    return {
        name: np.frombuffer(raw, kind).reshape(shape).copy() for name, (kind, shape, raw) in packed.items()
    }
