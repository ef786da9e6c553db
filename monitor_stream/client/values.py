"""What services hand over, as what an event may hold; everything else is refused with a clear error.

NaN is a missing value, and is sent as null: JSON has no NaN. So are the infinities, which JSON lacks as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from monitor_stream.events.wire import FeatureValue, Value

T = TypeVar("T")

_PLAIN: Final = frozenset({float, int, str, bool, type(None)})
_TEXT: Final = frozenset({str})
_YEAR_2000: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_YEAR_2100: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
#: A softmax in 32 bits may end a little above one.
_ROUNDING: Final = 1e-6


def features(given: Mapping[str, Any]) -> dict[str, FeatureValue]:
    """Features: a number, boolean, text or None each, a moment (sent as text), or a vector of numbers.

    >>> features({"hour": 5, "carrier": "UA", "delay": float("nan"), "embedding": (0.5, 1)})
    {'hour': 5, 'carrier': 'UA', 'delay': nan, 'embedding': [0.5, 1.0]}

    NaN stays, because the encoder writes it as null.
    """
    return _named(given, "feature", _feature)


def segments(given: Mapping[str, Any]) -> dict[str, Value]:
    """Segments: a number, boolean, text or None each."""
    return _named(given, "segment", scalar)


def _named(given: Mapping[str, Any], what: str, read: Callable[[Any, str], T]) -> dict[str, T]:
    if (
        type(given) is dict
        and _PLAIN.issuperset(map(type, given.values()))
        and _TEXT.issuperset(map(type, given))
    ):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"{what}s are a mapping of names to values, not {_kind(given)}")
    return {name(key, f"{what} name"): read(value, f"{what} {key!r}") for key, value in given.items()}


def _feature(value: Any, what: str) -> FeatureValue:
    if isinstance(value, datetime):
        return datetime.fromtimestamp(seconds(value, what), UTC).isoformat()
    if isinstance(value, list | tuple) or (getattr(value, "ndim", 0) == 1 and value.size > 1):
        return [_component(each, what) for each in value]
    return scalar(value, what)


def _component(value: Any, what: str) -> float:
    number = scalar(value, f"a component of {what}")
    if isinstance(number, str | bool) or number is None:
        raise TypeError(f"a component of {what} is {_kind(value)}; a vector is made of numbers")
    return float(number)


def interval(value: Any) -> tuple[float, float] | None:
    """Both ends of a range, lower one first; ``None`` where one is missing or not finite, which JSON cannot hold.

    >>> interval([1, 2.5]), interval((0.0, float("inf")))
    ((1.0, 2.5), None)
    """
    if is_missing(value):
        return None
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise ValueError(f"interval is {value!r}; it must be two numbers, the lower end first")
    ends = [scalar(end, "an end of the interval") for end in value]
    if any(isinstance(end, str | bool) for end in ends):
        raise TypeError(f"interval is {value!r}; its ends must be numbers")
    low, high = (math.nan if end is None else float(end) for end in ends)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def scalar(value: Any, what: str) -> Value:
    """One number, boolean or text, or None where it is missing; numpy's scalars and arrays of one are taken.

    >>> import numpy as np
    >>> scalar(np.float32(0.5), "score"), scalar(np.array([3]), "prediction")
    (0.5, 3)
    >>> scalar([1, 2], "label")
    Traceback (most recent call last):
    TypeError: label is a list; it must be a number, a boolean, a text or None
    """
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):  # also numpy's, and a member of an enumeration
        return str.__str__(value)
    if isinstance(value, int | float | Decimal):
        return float(value) if not isinstance(value, int) else int(value)
    if _is_missing(value):
        return None
    if getattr(value, "size", None) == 1 and hasattr(value, "item"):
        inner = value.item()
        if type(inner) in _PLAIN:
            return inner  # type: ignore[no-any-return]
    hint = ": hand over one at a time, or use log_frame" if getattr(value, "size", 1) != 1 else ""
    raise TypeError(f"{what} is {_kind(value)}{hint}; it must be a number, a boolean, a text or None")


def is_finite(value: Value) -> bool:
    """False for NaN and the infinities, true for all else."""
    return type(value) is not float or math.isfinite(value)


def probability(value: Any, what: str) -> float | None:
    """A number from 0 to 1; None where there is none, NaN included.

    >>> probability(1.5, "score")
    Traceback (most recent call last):
    ValueError: score is 1.5; a probability is between 0 and 1
    """
    number = scalar(value, what)
    if number is None:
        return None
    if isinstance(number, str):
        raise TypeError(f"{what} is a text; a probability is a number between 0 and 1")
    if 0.0 <= number <= 1.0:
        return float(number)
    if math.isnan(number):
        return None
    if not -_ROUNDING <= number <= 1.0 + _ROUNDING:
        raise ValueError(f"{what} is {number}; a probability is between 0 and 1")
    return min(max(float(number), 0.0), 1.0)


def name(value: Any, what: str, longest: int = 200) -> str:
    """A text that is neither empty nor too long."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is {_kind(value)}; it must be a text")
    if not 1 <= len(value) <= longest:
        raise ValueError(f"{what} has {len(value)} characters; it must have 1 to {longest}")
    return value


def identifier(value: Any) -> str:
    """A prediction's id: text, or a whole number or UUID written as text.

    >>> identifier(1545)
    '1545'
    >>> identifier(1545.0)
    Traceback (most recent call last):
    TypeError: prediction_id is a float; it must be a text or a whole number (a column with gaps turns 7 into 7.0)
    """
    if type(value) is not str:
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, float):
            raise TypeError(
                "prediction_id is a float; it must be a text or a whole number (a column with gaps turns 7 into 7.0)"
            )
        if isinstance(value, int | UUID):
            value = str(value)
    return name(value, "prediction_id", longest=512)


def seconds(value: Any, what: str) -> float:
    """A time as Unix seconds: a number, a `datetime` with a zone, or an RFC 3339 text with an offset.

    >>> seconds("2013-03-01T10:15:00Z", "timestamp")
    1362132900.0
    >>> seconds(1362132900000, "timestamp")
    Traceback (most recent call last):
    ValueError: timestamp is 1362132900000, not a time between 2000 and 2100; it is in seconds, not milliseconds
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{what} {value} has no time zone; say which one, as in datetime.now(UTC)")
        moment = value.timestamp()
    elif type(value).__name__ == "datetime64":
        raise ValueError(
            f"{what} {value} is a numpy time, which has no zone; hand over seconds or a datetime"
        )
    else:
        number = scalar(value, what)
        if isinstance(number, str | bool) or number is None:
            raise TypeError(f"{what} is {_kind(value)}; it must be Unix seconds or a datetime")
        moment = float(number)
    if not _YEAR_2000 <= moment < _YEAR_2100:
        raise ValueError(
            f"{what} is {value}, not a time between 2000 and 2100; it is in seconds, not milliseconds"
        )
    return moment


def is_missing(value: Any) -> bool:
    """None, NaN, and the values pandas has for them."""
    return value is None or (type(value) is float and math.isnan(value)) or _is_missing(value)


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in {"NAType", "NaTType"}


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
