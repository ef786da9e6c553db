"""What a feature may be, and how each kind becomes a number.

A number is itself, a boolean 0 or 1, a categorical value a code (`monitor_stream.observe.categories`), a timestamp its
Unix seconds (its age once the time of the prediction is known), a text its length, a vector its Euclidean norm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Kind
from monitor_stream.events.wire import Timestamp
from monitor_stream.observe.values import MAX_NUMBER

#: What is no finite number, told by the other floats, which JSON cannot hold.
NULL, ABSENT, WRONG = np.nan, np.inf, -np.inf

#: Types in JSON; None is the kind of a feature of which nothing but null was seen.
TYPES: Final[dict[Kind | None, Any]] = {
    None: float | None,
    "numeric": float | None,
    "boolean": bool | float | None,
    "categorical": str | float | bool | None,
    "timestamp": Timestamp | None,
    "text": str | None,
    "vector": list[float] | None,
}

#: Kinds whose values are numbers as they come.
PLAIN: Final[frozenset[Kind | None]] = frozenset({None, "numeric", "boolean"})


def kind_of(value: Any) -> Kind:
    """The kind of a feature that nobody described, from its first value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, list):
        return "vector"
    return "categorical" if isinstance(value, str) else "numeric"


def fit(kind: Kind | None, value: Any) -> Any:
    """A value as its kind has it; ``WRONG`` where it is none of its kind. Nothing is made of what is missing.

    >>> fit("timestamp", "1970-01-01T00:01:00Z").timestamp(), fit("numeric", "5"), fit("text", None)
    (60.0, -inf, None)
    """
    if value is None or value is UNSET:
        return value
    if kind == "timestamp" and isinstance(value, str):
        try:
            return msgspec.convert(value, Timestamp)
        except msgspec.ValidationError:
            return WRONG
    if type(value) is int:
        value = float(value) if abs(value) <= MAX_NUMBER else math.inf
    return value if _fits(kind, value) else WRONG


def _fits(kind: Kind | None, value: Any) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind == "vector":
        return isinstance(value, list) and all(map(_is_number, value))
    if kind == "categorical":
        return isinstance(value, str | int | float)
    if kind == "boolean" and isinstance(value, bool):
        return True
    return _is_number(value)


def _is_number(value: Any) -> bool:
    """Whether it is a number that can be computed with; JSON's integers have no end."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def numbers(column: Sequence[Any]) -> list[float]:
    """Numbers and booleans."""
    return [NULL if value is None else ABSENT if value is UNSET else value for value in column]


def timestamps(column: Sequence[Any]) -> list[float]:
    """Times in Unix seconds.

    >>> timestamps([60.0, None])
    [60.0, nan]
    """
    return numbers([value.timestamp() if isinstance(value, datetime) else value for value in column])


def lengths(column: Sequence[Any]) -> list[float]:
    """Characters of texts; an empty one is missing.

    >>> lengths(["größe", ""])
    [5.0, nan]
    """
    return numbers([(float(len(value)) or NULL) if isinstance(value, str) else value for value in column])


def vectors(column: Sequence[Any], dimension: int) -> tuple[list[float], Floats]:
    """Norms of vectors, and their components (vectors × dimension); one of another length, or of none, is of a wrong type.

    >>> vectors([[3.0, 4.0], [1.0], None], 2)
    ([5.0, -inf, nan], array([[ 3.,  4.],
           [nan, nan],
           [nan, nan]]))
    """
    good = [
        at for at, value in enumerate(column) if isinstance(value, list) and len(value) == dimension and value
    ]
    matrix = np.full((len(column), dimension), np.nan)
    if good and dimension:
        block = np.array([column[at] for at in good], np.float64)
        block[(np.abs(block) > MAX_NUMBER).any(axis=1)] = np.nan
        matrix[good] = block
    norms = np.full(len(column), np.nan)
    norms[good] = np.sqrt(np.square(matrix[good]).sum(axis=1))
    others = numbers([WRONG if isinstance(value, list) else value for value in column])
    return [
        other if math.isnan(norm) else norm for norm, other in zip(norms.tolist(), others, strict=True)
    ], matrix
