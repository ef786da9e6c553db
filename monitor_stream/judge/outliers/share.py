"""Which share of the predictions is unlike the reference, on runs of closed windows that are a drift span long."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, ModelSpec, OutlierRules
from monitor_stream.events.tables import split_grouped
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.quality.tails import chance_of_count, least_share
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow

#: Rows that a run has at least: with fewer a share says little.
MIN_ROWS: Final = 200
#: The share is told only when it is above the usual by so much, and by as much again as is usual: less is real and nobody cares.
FLOOR: Final = 0.01
MONTH: Final = 30 * DAY
#: Reasons that a run keeps, and that a sentence has room for.
_MAX_REASONS: Final = 1000
_NAMED: Final = 3


def outlier_share(sums: Sums) -> float | None:
    """The share of a window's rows that are outliers; ``None`` where no row was looked at.

    >>> import numpy as np
    >>> from monitor_stream.judge.sums import Rows
    >>> sums = Sums()
    >>> sums.add("outliers", Rows(["", "age"], np.array([[200.0, 3.0], [0.0, 3.0]])))
    >>> outlier_share(sums)
    0.015
    """
    row = sums.row("outliers")
    return float(row[1] / row[0]) if row is not None and row[0] else None


class RunState(msgspec.Struct, array_like=True):
    """What the windows of a run had, added up. Also how it is stored."""

    digest: str = ""
    start: float = math.inf
    end: float = -math.inf
    rows: float = 0.0
    outliers: float = 0.0
    reasons: dict[str, float] = {}


class OutlierShare:
    """Adds closed windows up until they are a drift span long and hold `MIN_ROWS` rows, then judges them and begins anew.

    What is usual was measured on spans, since a night differs from a day. A run is of one spec. Whether it fires or not is said
    each time, so that an incident can close.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("outliers", model, version)
        self._journal = journal
        self._run = RunState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._run = unpack(RunState, data)

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Finding]:
        """Take in windows that have closed, in their order; what the runs that they filled are like."""
        findings: list[Finding] = []
        for window in closed:
            spec = spec_of(window.reference)
            if spec.outliers is None:
                continue
            if self._run.digest != window.reference:
                self._run = RunState(window.reference)
            _add(self._run, window)
            long = self._run.end - self._run.start >= spec.drift.span_seconds
            if long and self._run.rows >= MIN_ROWS:
                findings.append(judge(self._run, spec, spec.outliers))
                self._run = RunState(window.reference)
            self._journal.put(self._field, lambda: pack(self._run))
        return findings


def _add(run: RunState, window: OpenWindow) -> None:
    run.start, run.end = min(run.start, window.start), max(run.end, window.end)
    block = window.sums.tables.get("outliers")
    for group, row in () if block is None else block:
        if not group:
            run.rows += float(row[0])
            run.outliers += float(row[1])
        elif group in run.reasons or len(run.reasons) < _MAX_REASONS:
            run.reasons[group] = run.reasons.get(group, 0.0) + float(row[1])


def judge(run: RunState, spec: ModelSpec, rules: OutlierRules) -> Finding:
    """Whether more rows of a run are outliers than of the reference's spans, by more than chance and by enough to matter."""
    alpha = min(spec.drift.false_alarms_per_month / (MONTH / max(run.end - run.start, 1.0)), 0.01)
    share, floor = run.outliers / run.rows, rules.share + max(rules.share, FLOOR)
    chance = chance_of_count(run.outliers, run.rows, rules.share, rules.std)
    limit = max(least_share(run.rows, rules.share, rules.std, alpha), floor)
    firing = chance <= alpha and share >= floor
    return Finding(
        signal="outliers",
        check="share",
        firing=firing,
        start=moment(run.start),
        end=moment(run.end),
        n=int(run.rows),
        value=share,
        expected=rules.share,
        threshold=limit,
        effect=share / limit,
        detail=f"{100 * share:.3g}% of {run.rows:,.0f} predictions are unlike the reference, usually "
        f"{100 * rules.share:.2g}%: {_by(run)}."
        if firing
        else "",
    )


def _by(run: RunState) -> str:
    """What made most of them so."""
    most = sorted(run.reasons.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
    named = ((" with ".join(filter(None, split_grouped(reason))), count) for reason, count in most)
    return "by " + ", ".join(f"{reason} ({count:,.0f})" for reason, count in named)
