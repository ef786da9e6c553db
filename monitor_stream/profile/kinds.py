"""What kind of feature a column is, and why."""

from __future__ import annotations

import re
from typing import NamedTuple

import pyarrow as pa

from monitor_stream.errors import InputError
from monitor_stream.events.spec import Kind
from monitor_stream.profile.cells import is_number, is_text, is_vector
from monitor_stream.profile.column import Column
from monitor_stream.profile.text_types import MOSTLY_NUMBERS

#: Whole numbers with no more distinct values than this are codes, not quantities.
FEW_VALUES = 10
#: Text of which more than this share of values are distinct names its rows, or is written by people.
_MOSTLY_DISTINCT = 0.5
_ENOUGH_ROWS = 100
#: Free text has at least so many words.
_WORDS = 3.0
_ID = re.compile(r"(^|[_\W])(id|uuid|guid)$|[a-z](Id|ID)$|^(ID|UUID)$")


class Verdict(NamedTuple):
    """A kind, None for what is no feature, and the reason in a few words."""

    kind: Kind | None
    why: str


def judge(column: Column) -> Verdict:
    """The kind of a column, as it was given or as its values tell.

    Raises `InputError` where it cannot be what was given.
    """
    if column.given is not None:
        _check(column, column.given)
        return Verdict(column.given, "as told")
    if not column.values:
        return _empty(column)
    if pa.types.is_boolean(column.type):
        return Verdict("boolean", "true or false")
    if is_number(column.type):
        return _number(column)
    if is_text(column.type):
        return _text(column)
    if pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type):
        return Verdict("timestamp", "times, followed by their age at the prediction")
    if is_vector(column.type):
        return Verdict("vector", f"lists of {column.dimension} numbers, followed by their norm")
    return Verdict(None, f"of type {column.type}, which no event can hold")


def _number(column: Column) -> Verdict:
    numbers, distinct = column.numbers["numeric"], column.distinct or 0
    if column.row_numbers and column.rows >= _ENOUGH_ROWS:
        return Verdict(None, "numbers its rows")
    if numbers.whole and _names_rows(column) and _ID.search(column.name):
        return Verdict(None, "an id by its name, and hardly a value comes twice")
    if numbers.whole and distinct <= FEW_VALUES:
        return Verdict("categorical", f"codes: {_few(distinct)}, all whole numbers")
    if distinct <= FEW_VALUES:
        return Verdict("numeric", f"few-valued: {_few(distinct)}, not all whole numbers")
    return Verdict("numeric", "whole numbers" if numbers.whole else "numbers")


def _text(column: Column) -> Verdict:
    texts = column.texts
    assert texts is not None  # noqa: S101 text has it
    if column.number_share >= MOSTLY_NUMBERS or (column.number_share >= 0.5 and _names_rows(column)):
        return Verdict(
            "numeric", f"{column.number_share:.1%} numbers; text such as {column.other!r} counts as missing"
        )
    if texts.times:
        return Verdict("timestamp", "times, followed by their age at the prediction")
    if _names_rows(column):
        if texts.words >= _WORDS:
            return Verdict("text", f"free text of {texts.words:.0f} words, followed by its length")
        return Verdict(None, "names its rows: hardly a value comes twice")
    if column.number_share:
        return Verdict("categorical", f"mixed: {column.number_share:.1%} numbers, the rest text")
    return Verdict("categorical", "text with values that come again")


def _empty(column: Column) -> Verdict:
    kind: Kind | None = None
    if is_number(column.type):
        kind = "numeric"
    elif pa.types.is_boolean(column.type):
        kind = "boolean"
    elif is_text(column.type):
        kind = "categorical"
    return Verdict(kind, "empty: there is nothing to compare with" if kind else "empty, and of no type")


def _few(distinct: int) -> str:
    return "one value, constant" if distinct == 1 else f"{distinct} values"


def _names_rows(column: Column) -> bool:
    return column.values >= _ENOUGH_ROWS and (column.distinct or 0) > _MOSTLY_DISTINCT * column.values


def _check(column: Column, kind: Kind) -> None:
    text, number = is_text(column.type), is_number(column.type)
    fits = {
        "numeric": number or (text and (column.number_share > 0.0 or not column.values)),
        "categorical": text or number or pa.types.is_boolean(column.type),
        "boolean": pa.types.is_boolean(column.type),
        "timestamp": pa.types.is_temporal(column.type) or (column.texts is not None and column.texts.times),
        "text": text,
        "vector": is_vector(column.type),
    }
    if not fits[kind]:
        raise InputError(f"The column {column.name} ({column.type}) cannot be {kind}: its values do not fit")
