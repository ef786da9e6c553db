"""Features of many events at once: JSON objects into one matrix.

A matrix has a row an event and a column a feature. A finite number is a value, see `monitor_stream.observe.kinds` for
what it says of each kind; what is not is said by the other floats, which JSON cannot hold: NaN is ``null``, infinity
a feature the event does not have, minus infinity a value of the wrong type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, Raw
from msgspec.structs import astuple

from monitor_stream.events.deadletter import Reason
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Feature, Kind, ModelSpec
from monitor_stream.observe.categories import Categories
from monitor_stream.observe.columns import Array
from monitor_stream.observe.decode import diagnose
from monitor_stream.observe.fields import field_names
from monitor_stream.observe.kinds import (
    ABSENT,
    NULL,
    PLAIN,
    TYPES,
    WRONG,
    fit,
    kind_of,
    lengths,
    numbers,
    timestamps,
)
from monitor_stream.observe.values import MAX_NUMBER
from monitor_stream.observe.vectors import Vectors

#: Features that are learned where no spec names them, and further names that are known well enough to be skipped.
MAX_LEARNED: Final = 200
MAX_EXTRAS: Final = 64


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
    components: Floats  # of vectors, side by side; NaN where there is none
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
            self.components[chosen],
            {name: [column[index] for index in chosen.tolist()] for name, column in self.columns.items()},
            {},
        )


class FeatureReader:
    """Reads the features of one version as its spec names them, or learns them where it names none.

    All events of a batch are decoded in one call, strictly. Only when that fails are they looked at one by one; what
    was found (an extra feature, a number sent as text) goes into the types, so that it does not fail again.

    `met` has the values of categorical features that were met and have a name, `dimensions` those of vectors: both are
    learned in the order of the topic.
    """

    def __init__(
        self,
        spec: ModelSpec,
        learned: Iterable[Learned] = (),
        met: Mapping[str, Sequence[str]] | None = None,
        dimensions: Mapping[str, int] | None = None,
    ) -> None:
        self.learned = list(learned)
        self.learns = not spec.features
        self._named = {feature.name: feature for feature in spec.features}
        self._wanted = spec.group_names
        self._extras: list[str] = []
        self._loose: set[str] = set()
        self.categories: dict[str, Categories] = {}
        self._met = met or {}
        given = {feature.name: feature.dimension for feature in spec.features if feature.dimension}
        self.vectors = Vectors(given | dict(dimensions or {}))
        self._build()

    @property
    def features(self) -> list[Feature | Learned]:
        """In the order of the matrix's columns."""
        return [*self._named.values(), *self.learned]

    @property
    def names(self) -> list[str]:
        """Of the features, in the order of the matrix's columns."""
        return [*self._named, *(feature.name for feature in self.learned)]

    @property
    def met(self) -> dict[str, list[str]]:
        """The values that were met and have a name, by feature."""
        return {name: categories.met for name, categories in self.categories.items()}

    def read(self, raws: Sequence[Raw], times: Floats) -> FeatureRows:
        """Decode the features of a batch, in the order of their topic; `times` are those of the predictions."""
        try:
            rows = self._decode(b"[" + b",".join(raws) + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._read_singly(raws, times)
        return self.tabulate(rows, times)

    def tabulate(self, rows: list[Any], times: Floats) -> FeatureRows:
        """Make a matrix of objects of type `row`, or ``None`` where an event has no features."""
        return self._tabulate(rows, times, {})

    def _build(self) -> None:
        self._stale = False
        features = self.features
        self._kinds: list[Kind | None] = [feature.kind for feature in features]
        names = [feature.name for feature in features]
        others = [] if self.learns else [name for name in self._wanted if name not in names]
        extras = [name for name in self._extras if name not in others]
        self._fields = [*names, *others, *extras]
        self._extras_from = len(names) + len(others)
        for feature in features:
            if feature.kind == "categorical" and feature.name not in self.categories:
                reference = feature.reference if isinstance(feature, Feature) else None
                self.categories[feature.name] = Categories(reference, self._met.get(feature.name, ()))
        self._checked = [
            index
            for index, (name, kind) in enumerate(zip(names, self._kinds, strict=True))
            if kind not in PLAIN or name in self._loose
        ]
        self._booleans = [index for index, kind in enumerate(self._kinds) if kind == "boolean"]
        self._timestamps = [index for index, kind in enumerate(self._kinds) if kind == "timestamp"]
        self._vectors = [index for index, kind in enumerate(self._kinds) if kind == "vector"]
        types = [
            Any if name in self._loose else TYPES[kind] for name, kind in zip(names, self._kinds, strict=True)
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

    def _tabulate(
        self, rows: list[Any], times: Floats, rejected: dict[int, tuple[Reason, str]]
    ) -> FeatureRows:
        given = np.ones(len(rows), bool)
        if None in rows:
            given = np.array([row is not None for row in rows])
            rows = [self._blank if row is None else row for row in rows]
        width = len(self._kinds)
        columns: list[Sequence[Any]] = []
        wanted: dict[str, Sequence[Any]] = {}
        components = np.empty((len(rows), 0))
        if len(self._fields) == width and not self._checked and not self._wanted:
            matrix = _floats(chain.from_iterable(map(astuple, rows)), len(rows) * width).reshape(
                len(rows), width
            )
        else:
            columns = list(zip(*map(astuple, rows), strict=True)) or [()] * len(self._fields)
            wanted = {
                name: columns[self._fields.index(name)] for name in self._wanted if name in self._fields
            }
            for index in self._checked:
                if self._fields[index] in self._loose:
                    kind = self._kinds[index]
                    columns[index] = [fit(kind, value) for value in columns[index]]
            if self._vectors:
                norms, components = self.vectors.read({self._fields[at]: columns[at] for at in self._vectors})
                for index in self._vectors:
                    columns[index] = norms[self._fields[index]]
            for index in self._checked:
                columns[index] = self._numbers(index, columns[index])
            block = chain.from_iterable(columns[:width])
            matrix = _floats(block, len(rows) * width).reshape(width, len(rows)).T
        matrix[np.abs(matrix, out=np.zeros_like(matrix), where=np.isfinite(matrix)) > MAX_NUMBER] = WRONG
        for index in self._booleans:
            values = matrix[:, index]
            values[np.isfinite(values) & (values != 0.0) & (values != 1.0)] = WRONG
        for index in self._timestamps:
            values = matrix[:, index]
            np.subtract(times, values, out=values, where=np.isfinite(values))
        self._settle_kinds(matrix)
        unknown = np.zeros(len(rows), bool)
        for extra in columns[self._extras_from :]:
            unknown |= np.array([value is not UNSET for value in extra], bool)
        absent = np.zeros(len(rows), bool) if self.learns else (matrix == ABSENT).any(axis=1)
        return FeatureRows(matrix, given, unknown, absent, components, wanted, rejected)

    def _numbers(self, index: int, column: Sequence[Any]) -> list[float]:
        kind = self._kinds[index]
        if kind == "categorical":
            return self.categories[self._fields[index]].codes(column)
        if kind == "timestamp":
            return timestamps(column)
        return lengths(column) if kind == "text" else numbers(column)

    def _settle_kinds(self, matrix: Floats) -> None:
        for index, kind in enumerate(self._kinds):
            if kind is None and np.isfinite(matrix[:, index]).any():
                self.learned[index - len(self._named)].kind = "numeric"
                self._kinds[index] = "numeric"

    def _read_singly(self, raws: Sequence[Raw], times: Floats) -> FeatureRows:
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
        read = self._tabulate(rows, times, rejected)
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
                feature.kind = kind_of(value)
                self._stale = True
            if name not in self._loose and fit(feature.kind, value) is WRONG:
                self._loose.add(name)
                self._stale = True
        return unknown

    def _arguments(self, row: dict[str, Any]) -> dict[str, Any]:
        return {f"f{index}": row[name] for index, name in enumerate(self._fields) if name in row}


def _floats(values: Iterable[Any], count: int) -> Floats:
    values = values if isinstance(values, list) else list(values)
    try:
        return np.fromiter(values, np.float64, count)
    except TypeError:  # a null among them
        return np.fromiter((NULL if value is None else value for value in values), np.float64, count)
