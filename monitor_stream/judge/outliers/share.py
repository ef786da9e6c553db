"""Which share of the predictions is unlike the reference, on runs of closed windows that are a drift span long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import ModelSpec, OutlierRules
from monitor_stream.events.tables import split_grouped
from monitor_stream.judge.persist import Journal, key
from monitor_stream.judge.quality.tails import chance_of_count, least_share
from monitor_stream.judge.runs import Run, Runs
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow

#: Rows that a run has at least: with fewer a share says little.
MIN_ROWS: Final = 200
#: The share is told only when it is above the usual by so much, and by as much again as is usual: less is real and nobody cares.
FLOOR: Final = 0.01
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


class OutlierRun(Run, array_like=True):
    """What the windows of a run had, added up."""

    rows: float = 0.0
    outliers: float = 0.0
    reasons: dict[str, float] = msgspec.field(default_factory=dict)


class OutlierShare:
    """Judges runs that are a drift span long and hold `MIN_ROWS` rows: what is usual was measured on spans, since a night differs from
    a day. Whether it fires or not is said each time, so that an incident can close.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._runs = Runs(key("outliers", model, version), OutlierRun, journal, add=_add, is_full=_is_full)
        self.restore = self._runs.restore

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Finding]:
        """Take in windows that have closed, in their order; what the runs that they filled are like."""
        ruled = (window for window in closed if spec_of(window.reference).outliers is not None)
        return [
            judge(run, spec, spec.outliers)
            for run, spec in self._runs.take(ruled, spec_of)
            if spec.outliers is not None
        ]


def _is_full(run: OutlierRun, spec: ModelSpec) -> bool:
    return run.end - run.start >= spec.drift.span_seconds and run.rows >= MIN_ROWS


def _add(run: OutlierRun, window: OpenWindow) -> None:
    block = window.sums.tables.get("outliers")
    for group, row in () if block is None else block:
        if not group:
            run.rows += float(row[0])
            run.outliers += float(row[1])
        elif group in run.reasons or len(run.reasons) < _MAX_REASONS:
            run.reasons[group] = run.reasons.get(group, 0.0) + float(row[1])


def judge(run: OutlierRun, spec: ModelSpec, rules: OutlierRules) -> Finding:
    """Whether more rows of a run are outliers than of the reference's spans, by more than chance and by enough to matter."""
    alpha = run.chance(spec)
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


def _by(run: OutlierRun) -> str:
    """What made most of them so."""
    most = sorted(run.reasons.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
    named = ((" with ".join(filter(None, split_grouped(reason))), count) for reason, count in most)
    return "by " + ", ".join(f"{reason} ({count:,.0f})" for reason, count in named)
