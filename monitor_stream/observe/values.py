"""Values as they stand in events: their text, and the bounds within which they can be computed with."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

#: A larger number cannot be squared and summed in a float64: it does not fit, as text in a number's place.
MAX_NUMBER: Final = 1e100

_MAX_FLOAT: Final = sys.float_info.max  # JSON's integers have no end

#: Longer texts of segments and classes are cut: they end as names.
MAX_TEXT: Final = 100


def text(value: Any) -> str:
    """The one text of a value: 1 and 1.0 are ``"1"``, True is ``"true"``, a missing value is ``""``.

    >>> text(1.0), text(0.5), text(True), text(None), text("UA")
    ('1', '0.5', 'true', '', 'UA')
    """
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float(value) if abs(value) <= _MAX_FLOAT else math.inf * (1 if value > 0 else -1)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def hashes(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """XXH3 of each text in UTF-8, 64 bits."""
    return np.fromiter(map(xxh3_64_intdigest, map(str.encode, texts)), np.uint64)
