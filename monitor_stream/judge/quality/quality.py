"""Data quality of a version, on runs of closed windows with enough predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import FEATURES, TableName, split_segment
from monitor_stream.judge.persist import Journal, key
from monitor_stream.judge.quality.schema import check_records
from monitor_stream.judge.quality.values import Check, check_values, named
from monitor_stream.judge.runs import Run, Runs
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow

#: Predictions that a run has at least: with fewer a share says little.
MIN_ROWS: Final = 200
#: Unseen values that a run keeps by name.
_MAX_NAMES: Final = 1000


class QualityRun(Run, array_like=True):
    """What the windows of a run had, added up."""

    n: float = 0.0
    features: dict[str, list[float]] = msgspec.field(default_factory=dict)
    unseen: dict[str, float] = msgspec.field(default_factory=dict)
    records: dict[str, float] = msgspec.field(default_factory=dict)


class Quality:
    """Checks runs of `MIN_ROWS` predictions. Every check tells whether it fires or not, so that an incident can close."""

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        field = key("quality", model, version)
        self._runs = Runs(field, QualityRun, journal, add=_add, is_full=lambda run, _: run.n >= MIN_ROWS)
        self.restore = self._runs.restore

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Finding]:
        """Take in windows that have closed, in their order; what the runs that they filled are like."""
        return [finding for run, spec in self._runs.take(closed, spec_of) for finding in judge(run, spec)]


def _add(run: QualityRun, window: OpenWindow) -> None:
    sums = window.sums
    run.n += sums.total("traffic", 0) - sums.total("traffic", 1)
    for name, row in _rows(sums, "features"):
        run.features[name] = (np.array(run.features.get(name, 0.0)) + row).tolist()
    counted: list[tuple[TableName, dict[str, float]]] = [("unseen", run.unseen), ("quality", run.records)]
    for table, into in counted:
        for group, row in _rows(sums, table):
            if group in into or len(into) < _MAX_NAMES:
                into[group] = into.get(group, 0.0) + float(row[0])


def _rows(sums: Sums, table: TableName) -> Iterator[tuple[str, Floats]]:
    block = sums.tables.get(table)
    return iter(()) if block is None else iter(block)


def judge(run: QualityRun, spec: ModelSpec) -> Iterator[Finding]:
    """Every check on a run, firing or not."""
    features = named(spec.features)
    alpha = run.chance(spec, max(len(features), 1) * len(FEATURES))
    unseen = _by_feature(run.unseen)
    for name, feature in sorted(features.items()):
        row = _row(run, name)
        if row is not None:
            for check in check_values(feature, row, unseen.get(name, {}), alpha):
                yield _finding(run, name, check)
    for check in check_records(run.records, run.n):
        yield _finding(run, "", check)


def _row(run: QualityRun, name: str) -> Floats | None:
    row = run.features.get(name)
    return None if row is None or not row[0] else np.array(row)


def _by_feature(unseen: Mapping[str, float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for group, count in unseen.items():
        feature, value = split_segment(group)
        found.setdefault(feature, {})[value] = count
    return found


def _finding(run: QualityRun, column: str, check: Check) -> Finding:
    share = check.faults / check.n if check.n else 0.0
    return Finding(
        signal="quality",
        check=check.name,
        column=column,
        firing=check.firing,
        direction="worse",
        start=moment(run.start),
        end=moment(run.end),
        n=int(check.n),
        value=share,
        expected=check.usual,
        threshold=check.limit,
        effect=share / check.limit if check.limit else 0.0,
        detail=check.detail if check.firing else "",
    )
