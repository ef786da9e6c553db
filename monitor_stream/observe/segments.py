"""Segments of many events at once: a small code for each value of each segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Raw

from monitor_stream.events.deadletter import Reason
from monitor_stream.events.spec import OTHER, ModelSpec
from monitor_stream.events.tables import pair_name, segment_group
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
    A missing value is the value ``""``, so that the values of a segment add up to all events. Two segments together are a
    segment, whose values are those of both.
    """

    def __init__(self, spec: ModelSpec, known: Sequence[tuple[int, str]] = ()) -> None:
        self._names = spec.group_names
        pairs = {pair_name(*pair): pair for pair in spec.segment_pairs if pair_name(*pair) not in self._names}
        self.sensitive = [self._names.index(name) for name in dict.fromkeys(spec.sensitive)]
        self._limit = spec.max_segment_values
        self.known: list[tuple[int, str]] = []
        self.groups = [""]
        self._places = np.zeros(1, np.uint16)  # of each group's value among those of its segment
        self._labels = [*self._names, *pairs]
        self._codes: list[dict[str, int]] = [{} for _ in self._labels]
        for index in range(len(self._labels)):
            self._add(index, "" if index < len(self._names) else pair_name("", ""))
            self._add(index, OTHER)
        for index, value in known[len(self.known) :]:
            self._add(index, value)
        self._together = [
            _Together((self._names.index(first), self._names.index(second)), self._limit + 2)
            for first, second in pairs.values()
        ]
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
        for index, together in enumerate(self._together, len(self._names)):
            codes.append(together.encode(codes, self._places, partial(self._pair, index)))
        return np.stack(codes, axis=1) if codes else np.empty((count, 0), np.uint16)

    def _pair(self, index: int, first: int, second: int) -> int:
        """The code of two values together, given theirs."""
        return self._code(index, pair_name(self.known[first - 1][1], self.known[second - 1][1]))

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
            found = {value: self._code(index, text(value)) for value in dict.fromkeys(column)}
            return np.fromiter(map(found.__getitem__, column), np.uint16, len(column))

    def _code(self, index: int, value: str) -> int:
        table = self._codes[index]
        if value not in table and (
            len(table) >= self._limit + 2 or len(self.groups) > np.iinfo(np.uint16).max
        ):
            return table[OTHER]
        return table[value] if value in table else self._add(index, value)

    def _add(self, index: int, value: str) -> int:
        place = len(self._codes[index])
        code = self._codes[index][value] = len(self.groups)
        self.groups.append(segment_group(self._labels[index], value))
        if code >= len(self._places):
            self._places = np.resize(self._places, 2 * code)
        self._places[code] = place
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


class _Together:
    """Codes of two segments together, by the places of both values in theirs; a table that is filled as they come."""

    def __init__(self, segments: tuple[int, int], values: int) -> None:
        self._first, self._second = segments
        self._codes = np.full((values, values), ALL, np.uint16)

    def encode(self, codes: Sequence[Codes], places: Codes, code_of: Callable[[int, int], int]) -> Codes:
        """One code an event; values that come together for the first time are met in the order of the events."""
        first, second = codes[self._first], codes[self._second]
        cells = places[first], places[second]
        together = self._codes[cells]
        unmet = np.flatnonzero(together == ALL)
        if not len(unmet):
            return together
        for pair in dict.fromkeys(zip(first[unmet].tolist(), second[unmet].tolist(), strict=True)):
            self._codes[places[pair[0]], places[pair[1]]] = code_of(*pair)
        return self._codes[cells]


def _scalar(value: Any) -> Any:
    """A value that has a text; what is missing or nested has none."""
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value
