"""Exact totals of a version since its first event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from monitor_stream.events.delta import Outcome
from monitor_stream.events.results import Detector, Histogram, VersionTotals
from monitor_stream.events.spec import OTHER, ModelSpec
from monitor_stream.events.tables import (
    DELAY_BOUNDS,
    ERROR_BOUNDS,
    FEATURES,
    LATENCY_BOUNDS,
    TableName,
    segment_group,
)
from monitor_stream.judge.sums import Block, PackedBlock, Rows, Sums

#: Values of the first segment that are counted on their own: the first to come.
MAX_VALUES: Final = 20

#: The leading columns that are counts, of tables of which not all are.
_COUNTS: Final[Mapping[TableName, int]] = {"performance": 2, "features": FEATURES.index("sum")}
_KEPT: Final = frozenset({"traffic", "performance", "latency", "delay", "errors", "features", "quality"})


class TotalsState(msgspec.Struct, array_like=True):
    """What is kept. Counts are float64 sums of whole numbers: exact below 2⁵³."""

    tables: dict[TableName, PackedBlock] = {}
    outcomes: dict[Outcome, int] = {}
    late_rows: int = 0


class Totals:
    """Counts by the first segment's values, histograms, and what was wrong with the input.

    >>> import numpy as np
    >>> totals = Totals(TotalsState())
    >>> spec = ModelSpec(model="m", task="binary", segments=["carrier"])
    >>> totals.add("traffic", Rows(["", "carrier=UA"], np.array([[5.0, 0.0], [3.0, 0.0]])), spec)
    >>> totals.document(spec, {}).predictions
    {'UA': 3, '': 2}
    """

    def __init__(self, state: TotalsState) -> None:
        self._sums = Sums.unpack(state.tables)
        self._prefix = ""
        self._targets: dict[str, str | None] = {}
        self.outcomes = dict(state.outcomes)
        self.late_rows = state.late_rows

    def state(self) -> TotalsState:
        """For the store."""
        return TotalsState(self._sums.pack(), self.outcomes, self.late_rows)

    def add(self, table: TableName, rows: Rows, spec: ModelSpec) -> None:
        """Add rows of whatever window."""
        if table not in _KEPT:
            return
        counts = rows.sums[:, : _COUNTS.get(table, rows.sums.shape[1])]
        if table in {"traffic", "performance"}:
            self._sums.add(table, self._first_segment(Rows(rows.groups, counts), spec))
        else:
            self._sums.add(table, Rows(rows.groups, counts))

    def _first_segment(self, rows: Rows, spec: ModelSpec) -> Rows:
        prefix = segment_group(spec.segments[0], "") if spec.segments else "="
        if prefix != self._prefix:
            self._prefix, self._targets = prefix, {"": ""}
        targets = [self._target(group) for group in rows.groups]
        kept = [at for at, target in enumerate(targets) if target is not None]
        return Rows([target for target in targets if target is not None], rows.sums[kept])

    def _target(self, group: str) -> str | None:
        """Where a group is counted: on its own, with the others, or not at all."""
        if group in self._targets:
            return self._targets[group]
        if not group.startswith(self._prefix):
            return None
        traffic = self._sums.tables.get("traffic")
        counted = {g for g in (traffic.groups if traffic else ()) if g.startswith(self._prefix)}
        counted |= {target for target in self._targets.values() if target}
        other = self._prefix + OTHER
        if group not in counted and len(counted - {other}) >= MAX_VALUES:
            return other
        self._targets[group] = group
        return group

    def document(self, spec: ModelSpec, detections: dict[Detector, int]) -> VersionTotals:
        """As counters and histograms."""
        scale = spec.error_scale.mean if spec.error_scale else 1.0
        errors = self._histogram("errors", ERROR_BOUNDS, scale)
        quality = self._sums.tables.get("quality")
        return VersionTotals(
            predictions=self._by_value("traffic", 0, spec),
            scored=self._by_value("performance", 0, spec),
            bad=self._by_value("performance", 1, spec),
            failed=self._sums.total("traffic", 1),
            outcomes=self.outcomes,
            quality={check: int(row[0]) for check, row in quality} if quality else {},
            features=self._features(),
            detections=detections,
            latency=self._histogram("latency", LATENCY_BOUNDS),
            label_delay=self._histogram("delay", DELAY_BOUNDS),
            absolute_error=errors if spec.task == "regression" else None,
            late_rows=self.late_rows,
        )

    def _by_value(self, table: TableName, column: int, spec: ModelSpec) -> dict[str, int]:
        """By value of the first segment; what has none, under the empty value."""
        block = self._sums.tables.get(table) or Block(column + 1)
        prefix = segment_group(spec.segments[0], "") if spec.segments else "="
        values = {g.removeprefix(prefix): int(row[column]) for g, row in block if g.startswith(prefix)}
        rest = int(block.row("")[column]) - sum(values.values())
        return values | {"": values.get("", 0) + rest} if rest or not values else values

    def _features(self) -> dict[str, dict[str, int]]:
        block = self._sums.tables.get("features")
        names = FEATURES[: _COUNTS["features"]]
        return (
            {}
            if block is None
            else {feature: dict(zip(names, map(int, row.tolist()), strict=True)) for feature, row in block}
        )

    def _histogram(self, table: TableName, bounds: tuple[float, ...], scale: float = 1.0) -> Histogram:
        """The rows of a table; `scale` is the unit that its bounds and its sum are multiples of."""
        row = self._sums.row(table)
        counts = [0] * (len(bounds) + 1) if row is None else [int(count) for count in row[:-1]]
        total = 0.0 if row is None else float(row[-1]) * scale
        return Histogram(bounds=[bound * scale for bound in bounds], counts=counts, sum=total)
