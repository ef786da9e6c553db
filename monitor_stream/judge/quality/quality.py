"""Data quality of a version, on runs of closed windows with enough predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.events.tables import FEATURES, TableName, split_segment
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.quality.schema import check_records
from monitor_stream.judge.quality.values import Check, check_values, named
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow

#: Predictions that a run has at least: with fewer a share says little.
MIN_ROWS: Final = 200
MONTH: Final = 30 * DAY
#: Unseen values that a run keeps by name.
_MAX_NAMES: Final = 1000


class RunState(msgspec.Struct, array_like=True):
    """What the windows of a run had, added up. Also how it is stored."""

    digest: str = ""
    start: float = math.inf
    end: float = -math.inf
    n: float = 0.0
    features: dict[str, list[float]] = {}
    unseen: dict[str, float] = {}
    records: dict[str, float] = {}


class Quality:
    """Adds closed windows up until they hold `MIN_ROWS` predictions, then checks them and begins anew.

    A run is of one spec. Every check tells whether it fires or not, so that an incident can close. Rows that come after
    a window has closed are in its revisions, and not looked at here: there are few, or the source is behind.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("quality", model, version)
        self._journal = journal
        self._run = RunState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._run = unpack(RunState, data)

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Finding]:
        """Take in windows that have closed, in their order; what the runs that they filled are like."""
        findings: list[Finding] = []
        for window in closed:
            if self._run.digest != window.reference:
                self._run = RunState(window.reference)
            self._add(window)
            if self._run.n >= MIN_ROWS:
                findings += judge(self._run, spec_of(window.reference))
                self._run = RunState(window.reference)
            self._journal.put(self._field, lambda: pack(self._run))
        return findings

    def _add(self, window: OpenWindow) -> None:
        run, sums = self._run, window.sums
        run.start, run.end = min(run.start, window.start), max(run.end, window.end)
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


def judge(run: RunState, spec: ModelSpec) -> Iterator[Finding]:
    """Every check on a run, firing or not."""
    features = named(spec.features)
    looks = MONTH / max(run.end - run.start, 1.0) * max(len(features), 1) * len(FEATURES)
    alpha = min(spec.drift.false_alarms_per_month / looks, 0.01)
    unseen = _by_feature(run.unseen)
    for name, feature in sorted(features.items()):
        row = _row(run, name)
        if row is not None:
            for check in check_values(feature, row, unseen.get(name, {}), alpha):
                yield _finding(run, name, check)
    for check in check_records(run.records, run.n):
        yield _finding(run, "", check)


def _row(run: RunState, name: str) -> Floats | None:
    row = run.features.get(name)
    return None if row is None or not row[0] else np.array(row)


def _by_feature(unseen: Mapping[str, float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for group, count in unseen.items():
        feature, value = split_segment(group)
        found.setdefault(feature, {})[value] = count
    return found


def _finding(run: RunState, column: str, check: Check) -> Finding:
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
