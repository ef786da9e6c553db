"""Numbers as a person wants to read and diff them: six significant digits, and no statement made false by it."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

DIGITS = 6


def significant(number: float, digits: int = DIGITS) -> float:
    """The number to so many significant digits.

    >>> significant(0.123456789), significant(1234567.8), significant(0.0)
    (0.123457, 1234570.0, 0.0)
    """
    return float(f"{number:.{digits - 1}e}")


def near(number: float, scale: float) -> float:
    """The number to six digits of what it is compared with: a mean beside its standard deviation.

    >>> near(1_700_000_123.456789, scale=50.0)
    1700000123.4568
    """
    return significant(number) if not scale else float(round(Decimal(repr(number)), _places(scale)))


def floor(number: float, scale: float) -> float:
    """The same, never above the number: nothing falls out of a range by its rounding.

    >>> floor(0.123456789, scale=1.0), floor(5.0, scale=0.0)
    (0.12345, 5.0)
    """
    return _outward(number, scale, ROUND_FLOOR)


def ceil(number: float, scale: float) -> float:
    """The same, never below the number.

    >>> ceil(0.123456789, scale=1.0)
    0.12346
    """
    return _outward(number, scale, ROUND_CEILING)


def edge(value: float, following: float) -> float:
    """A readable number that parts `value` from the next larger one: at least `value`, less than `following`.

    >>> edge(0.123456789, 0.2), edge(0.123456789, 0.12345679), edge(5.0, 6.0)
    (0.123457, 0.123456789, 5.0)
    """
    for digits in range(DIGITS, 18):
        exponent = Decimal(repr(value)).adjusted() - digits + 1
        found = _quantize(value, exponent, ROUND_CEILING)
        if value <= found < following:
            return found
    return value


def _outward(number: float, scale: float, rounding: str) -> float:
    return _quantize(number, -_places(scale), rounding) if scale else number


def _quantize(number: float, exponent: int, rounding: str) -> float:
    exact = Decimal(repr(number))
    if int(exact.as_tuple().exponent) >= exponent:
        return number
    return float(exact.quantize(Decimal(1).scaleb(exponent), rounding=rounding)) + 0.0


def _places(scale: float) -> int:
    return DIGITS - 1 - math.floor(math.log10(scale))
