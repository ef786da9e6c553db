"""Field by field: counts are equal, sums within 1e-9 of each other."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from loadtest.chaos.fields import Fields

RELATIVE: Final = 1e-9
#: A spread is the root of a difference of sums: rounding shows in it much sooner than in the sums.
_SPREAD: Final = 1e-5


class Difference(NamedTuple):
    """A field that is not as it should be; `...` stands for a field that one side does not have."""

    field: str
    expected: Any
    found: Any


def compare(expected: Fields, found: Fields) -> list[Difference]:
    """The fields in which the two differ, by name.

    >>> compare({"n": 3, "sum": 0.3}, {"n": 3, "sum": 0.1 + 0.2})
    []
    >>> compare({"n": 3}, {"n": 4, "extra": 1})
    [Difference(field='extra', expected=Ellipsis, found=1), Difference(field='n', expected=3, found=4)]
    """
    return [
        Difference(field, expected.get(field, ...), found.get(field, ...))
        for field in sorted(expected.keys() | found.keys())
        if not _alike(field, expected.get(field, ...), found.get(field, ...))
    ]


def _alike(field: str, one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        if not (isinstance(one, int | float) and isinstance(other, int | float)):
            return False
        near = _SPREAD if field.endswith("/std") else 1e-12
        if field.endswith(("/mean", "/bias", "/r2")):
            near = 1e-9
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=near)
    return bool(one == other)
