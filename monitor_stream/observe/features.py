"""Features of many events at once: JSON objects into one matrix.

A matrix has a row an event and a column a feature. A finite number is a value; what is not is said by the other
floats, which JSON cannot hold: NaN is ``null``, infinity a feature the event does not have, minus infinity a value
of the wrong type. A categorical column holds 0 for a value the reference knows and 1 for one it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, Raw
from msgspec.structs import astuple

from monitor_stream.events.deadletter import Reason
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, Feature, Kind, ModelSpec
from monitor_stream.observe.columns import Array
from monitor_stream.observe.decode import diagnose
from monitor_stream.observe.fields import field_names
from monitor_stream.observe.values import MAX_NUMBER, text

NULL, ABSENT, WRONG, UNSEEN = np.nan, np.inf, -np.inf, 1.0

#: Features that are learned where no spec names them, and further names that are known well enough to be skipped.
MAX_LEARNED: Final = 200
MAX_EXTRAS: Final = 64

_TYPES: Final[dict[Kind | None, Any]] = {
    None: float | None,  # nothing but null was seen
    "numeric": float | None,
    "boolean": bool | float | None,
    "categorical": str | float | bool | None,
}


class Learned(msgspec.Struct):
    """A feature that no spec named; `kind` is that of its first value."""

    name: str
    kind: Kind | None = None


class FeatureRows(msgspec.Struct):
    """What was read of a batch."""

    matrix: Floats
    given: Array  # whether the event has features at all
    unknown: Array  # whether it has one that is not followed
    absent: Array  # whether it lacks one that the spec names
    columns: dict[str, Sequence[Any]]  # those that segments ask for, as they came
    rejected: dict[
        int, tuple[Reason, str]
    ]  # events whose features are no object, or hold a number that is none

    def select(self, chosen: Array) -> FeatureRows:
        """Some of the events, by index."""
        return FeatureRows(
            self.matrix[chosen],
            self.given[chosen],
            self.unknown[chosen],
            self.absent[chosen],
            {name: [column[index] for index in chosen.tolist()] for name, column in self.columns.items()},
            {},
        )


class FeatureReader:
    """Reads the features of one version as its spec names them, or learns them where it names none.

    All events of a batch are decoded in one call, strictly. Only when that fails are they looked at one by one; what
    was found (an extra feature, a number sent as text) goes into the types, so that it does not fail again.
    """

    def __init__(self, spec: ModelSpec, learned: Iterable[Learned] = ()) -> None:
        self.learned = list(learned)
        self.learns = not spec.features
        self._named = {feature.name: feature for feature in spec.features}
        self._wanted = list(spec.segments)
        self._extras: list[str] = []
        self._loose: set[str] = set()
        self._build()

    @property
    def names(self) -> list[str]:
        """The features, in the order of the matrix's columns."""
        return [*self._named, *(feature.name for feature in self.learned)]

    def read(self, raws: Sequence[Raw]) -> FeatureRows:
        """Decode the features of a batch, in the order of their topic."""
        try:
            rows = self._decode(b"[" + b",".join(raws) + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._read_singly(raws)
        return self.tabulate(rows)

    def tabulate(self, rows: list[Any]) -> FeatureRows:
        """Make a matrix of objects of type `row`, or ``None`` where an event has no features."""
        return self._tabulate(rows, {})

    def _build(self) -> None:
        self._stale = False
        features: list[Feature | Learned] = [*self._named.values(), *self.learned]
        self._kinds: list[Kind | None] = [feature.kind for feature in features]
        names = [feature.name for feature in features]
        others = [] if self.learns else [name for name in self._wanted if name not in names]
        extras = [name for name in self._extras if name not in others]
        self._fields = [*names, *others, *extras]
        self._extras_from = len(names) + len(others)
        self._categories = [_categories(feature) for feature in features]
        self._checked = [
            index
            for index, (name, kind) in enumerate(zip(names, self._kinds, strict=True))
            if kind == "categorical" or name in self._loose
        ]
        self._booleans = [index for index, kind in enumerate(self._kinds) if kind == "boolean"]
        types = [
            Any if name in self._loose else _TYPES[kind]
            for name, kind in zip(names, self._kinds, strict=True)
        ]
        types += [Any] * len(others) + [Raw] * len(extras)
        self.row = msgspec.defstruct(
            "Features",
            [
                (f"f{index}", kind, ABSENT if index < len(names) and index not in self._checked else UNSET)
                for index, kind in enumerate(types)
            ],
            rename={f"f{index}": name for index, name in enumerate(field_names(self._fields))},
            forbid_unknown_fields=True,
            gc=False,
        )
        self._blank = self.row()
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[self.row | None]).decode  # type: ignore[name-defined]

    def _tabulate(self, rows: list[Any], rejected: dict[int, tuple[Reason, str]]) -> FeatureRows:
        given = np.ones(len(rows), bool)
        if None in rows:
            given = np.array([row is not None for row in rows])
            rows = [self._blank if row is None else row for row in rows]
        width = len(self._kinds)
        columns: list[Sequence[Any]] = []
        if len(self._fields) == width and not self._checked and not self._wanted:
            matrix = _floats(chain.from_iterable(map(astuple, rows)), len(rows) * width).reshape(
                len(rows), width
            )
        else:
            columns = list(zip(*map(astuple, rows), strict=True)) or [()] * len(self._fields)
            block = [
                self._codes(index, column) if index in self._checked else column
                for index, column in enumerate(columns[:width])
            ]
            matrix = _floats(chain.from_iterable(block), len(rows) * width).reshape(width, len(rows)).T
        matrix[np.abs(matrix, out=np.zeros_like(matrix), where=np.isfinite(matrix)) > MAX_NUMBER] = WRONG
        for index in self._booleans:
            values = matrix[:, index]
            values[np.isfinite(values) & (values != 0.0) & (values != 1.0)] = WRONG
        self._settle_kinds(matrix)
        unknown = np.zeros(len(rows), bool)
        for extra in columns[self._extras_from :]:
            unknown |= np.array([value is not UNSET for value in extra], bool)
        absent = np.zeros(len(rows), bool) if self.learns else (matrix == ABSENT).any(axis=1)
        wanted = {name: columns[self._fields.index(name)] for name in self._wanted if name in self._fields}
        return FeatureRows(matrix, given, unknown, absent, wanted, rejected)

    def _codes(self, index: int, column: Sequence[Any]) -> list[float]:
        if self._fields[index] in self._loose:
            kind = self._kinds[index]
            if kind != "categorical":
                return [_number(value, kind) for value in column]
            column = [value if value is UNSET or _fits(kind, value) else WRONG for value in column]
        known, default = self._categories[index]
        get = known.get
        return [get(value, default) for value in column]

    def _settle_kinds(self, matrix: Floats) -> None:
        for index, kind in enumerate(self._kinds):
            if kind is None and np.isfinite(matrix[:, index]).any():
                self.learned[index - len(self._named)].kind = "numeric"
                self._kinds[index] = "numeric"

    def _read_singly(self, raws: Sequence[Raw]) -> FeatureRows:
        objects: list[dict[str, Any] | None] = []
        rejected: dict[int, tuple[Reason, str]] = {}
        for index, raw in enumerate(raws):
            try:
                objects.append(msgspec.json.decode(raw, type=dict[str, Any] | None))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                rejected[index] = diagnose(bytes(raw), error)
                objects.append(None)
        unknown = np.array([self._meet(row) if row else False for row in objects], bool)
        if self._stale:
            self._build()
        rows = [None if row is None else self.row(**self._arguments(row)) for row in objects]
        read = self._tabulate(rows, rejected)
        read.unknown |= unknown
        return read

    def _meet(self, row: dict[str, Any]) -> bool:
        """Learn what is new in an event; whether a feature of it is not followed."""
        unknown = False
        known = {feature.name: feature for feature in self.learned}
        for name, value in row.items():
            feature = self._named.get(name) or known.get(name)
            if feature is None and self.learns and len(self.learned) < MAX_LEARNED:
                feature = Learned(name)
                self.learned.append(feature)
                self._stale = True
            if feature is None:
                if name in self._wanted:
                    continue
                unknown = True
                if name not in self._extras and len(self._extras) < MAX_EXTRAS:
                    self._extras.append(name)
                    self._stale = True
                continue
            if feature.kind is None and value is not None:
                feature.kind = _kind(value)
                self._stale = True
            if not _fits(feature.kind, value) and name not in self._loose:
                self._loose.add(name)
                self._stale = True
        return unknown

    def _arguments(self, row: dict[str, Any]) -> dict[str, Any]:
        return {f"f{index}": row[name] for index, name in enumerate(self._fields) if name in row}


def _categories(feature: Feature | Learned) -> tuple[dict[Any, float], float]:
    """The code of each value the reference knows, and that of any other.

    Where the reference has a share of rarer values that it does not name, no value is known to be unseen.
    """
    codes: dict[Any, float] = {None: NULL, UNSET: ABSENT, WRONG: WRONG}
    reference = feature.reference if isinstance(feature, Feature) else None
    if not isinstance(reference, CategoricalReference) or reference.other > 0.0:
        return codes, 0.0
    for name in reference.shares:
        codes[name] = 0.0
        for value in (*_numbers(name), True, False):
            if text(value) == name:
                codes[value] = 0.0
    return codes, UNSEEN


def _numbers(name: str) -> list[float]:
    try:
        return [float(name)]
    except ValueError:
        return []


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    return "categorical" if isinstance(value, str) else "numeric"


def _fits(kind: Kind | None, value: Any) -> bool:
    if value is None:
        return True
    if kind == "numeric":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, int | float) if kind == "boolean" else isinstance(value, str | int | float)


def _number(value: Any, kind: Kind | None) -> float:
    if value is UNSET:
        return ABSENT
    if value is None:
        return NULL
    return float(value) if _fits(kind, value) and abs(value) <= MAX_NUMBER else WRONG


def _floats(values: Iterable[Any], count: int) -> Floats:
    values = values if isinstance(values, list) else list(values)
    try:
        return np.fromiter(values, np.float64, count)
    except TypeError:  # a null among them
        return np.fromiter((NULL if value is None else value for value in values), np.float64, count)
