"""Segments of many events at once: a small code for each value of each segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Raw

from monitor_stream.events.deadletter import Reason
from monitor_stream.events.spec import OTHER, ModelSpec
from monitor_stream.events.tables import segment_group
from monitor_stream.observe.decode import diagnose
from monitor_stream.observe.fields import can_be_field, field_names
from monitor_stream.observe.values import text

Codes = npt.NDArray[np.uint16]

#: The group of all events.
ALL: Final = 0


class Segments:
    """Codes of groups, given in the order in which the topic brought them.

    Each segment keeps `max_segment_values` values for good, and counts the rest together. The first to come are kept,
    in each partition for itself: with more values than that, which of them have a name is a matter of the partition.
    A missing value is the value ``""``, so that the values of a segment add up to all events.
    """

    def __init__(self, spec: ModelSpec, known: Sequence[tuple[int, str]] = ()) -> None:
        self._names = list(dict.fromkeys(spec.segments))
        self._limit = spec.max_segment_values
        self.known: list[tuple[int, str]] = []
        self.groups = [""]
        self._codes: list[dict[str, int]] = [{} for _ in self._names]
        for index in range(len(self._names)):
            self._add(index, "")
            self._add(index, OTHER)
        for index, value in known[len(self.known) :]:
            self._add(index, value)
        self.row = msgspec.defstruct(
            "Segments",
            [(f"s{index}", str | float | bool | None, None) for index in range(len(self._names))],
            rename={f"s{index}": name for index, name in enumerate(field_names(self._names))},
            # A name that cannot be a field is looked for event by event; names not asked for are of no concern.
            forbid_unknown_fields=not all(map(can_be_field, self._names)),
            gc=False,
        )
        self._blank = self.row()
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[self.row | None]).decode  # type: ignore[name-defined]

    def __len__(self) -> int:
        return len(self._names)

    def read(self, raws: Sequence[Raw]) -> tuple[list[Sequence[Any]], dict[int, tuple[Reason, str]]]:
        """The values of each segment, and the events whose segments are no object."""
        try:
            rows = self._decode(b"[" + b",".join(raws) + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._read_singly(raws)
        return self.tabulate(rows), {}

    def tabulate(self, rows: list[Any]) -> list[Sequence[Any]]:
        """The values of each segment, from objects of type `row` or ``None`` where an event has no segments."""
        rows = [self._blank if row is None else row for row in rows] if None in rows else rows
        return [list(map(attrgetter(f"s{index}"), rows)) for index in range(len(self._names))]

    def codes(self, count: int, columns: list[Sequence[Any]], features: Mapping[str, Sequence[Any]]) -> Codes:
        """Codes of shape (count, segments); what an event's segments do not name is looked up in its features."""
        codes = [
            self._encode(index, column, features.get(self._names[index]))
            for index, column in enumerate(columns)
        ]
        return np.stack(codes, axis=1) if codes else np.empty((count, 0), np.uint16)

    def _encode(self, index: int, column: Sequence[Any], feature: Sequence[Any] | None) -> Codes:
        if feature is not None and None in column:
            column = [
                _scalar(other) if value is None else value
                for value, other in zip(column, feature, strict=True)
            ]
        if set(map(type, column)) != {str}:
            column = [value if type(value) is str else text(value) for value in column]
        table = self._codes[index]
        try:
            return np.fromiter(map(table.__getitem__, column), np.uint16, len(column))
        except KeyError:
            found = {value: self._code(index, value) for value in dict.fromkeys(column)}
            return np.fromiter(map(found.__getitem__, column), np.uint16, len(column))

    def _code(self, index: int, value: str) -> int:
        table = self._codes[index]
        value = text(value)
        if value not in table and (
            len(table) >= self._limit + 2 or len(self.groups) > np.iinfo(np.uint16).max
        ):
            return table[OTHER]
        return table[value] if value in table else self._add(index, value)

    def _add(self, index: int, value: str) -> int:
        code = self._codes[index][value] = len(self.groups)
        self.groups.append(segment_group(self._names[index], value))
        self.known.append((index, value))
        return code

    def _read_singly(self, raws: Sequence[Raw]) -> tuple[list[Sequence[Any]], dict[int, tuple[Reason, str]]]:
        columns: list[list[Any]] = [[] for _ in self._names]
        rejected: dict[int, tuple[Reason, str]] = {}
        for number, raw in enumerate(raws):
            try:
                row = msgspec.json.decode(raw, type=dict[str, Any] | None) or {}
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                rejected[number] = diagnose(bytes(raw), error)
                row = {}
            for name, column in zip(self._names, columns, strict=True):
                column.append(_scalar(row.get(name)))
        return list(columns), rejected


def _scalar(value: Any) -> Any:
    """A value that has a text; what is missing or nested has none."""
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value
