"""The last five minutes, hour and day: windows, merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Rolling
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import TableName
from monitor_stream.judge.estimates.estimate import estimate
from monitor_stream.judge.published import overall
from monitor_stream.judge.service import latency_quantiles
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow

Span = Literal["5m", "1h", "1d"]

SPANS: Final[dict[Span, float]] = {"5m": 300.0, "1h": 3600.0, "1d": 86400.0}

#: A span is not made of more windows than this: a day of minutes.
MAX_MERGED: Final = 1440

_WHOLE: Final[tuple[TableName, ...]] = (
    "traffic",
    "performance",
    "calibration",
    "estimates",
    "proxies",
    "latencies",
)  # of these, the group of all predictions counts
_CELLS: Final[tuple[TableName, ...]] = ("scores", "confusion", "estimated_scores", "estimated_confusion")


def spans(seconds: float) -> dict[Span, float]:
    """The spans that windows of a length can be merged into.

    >>> spans(600.0)
    {'1h': 3600.0, '1d': 86400.0}
    """
    return {name: span for name, span in SPANS.items() if seconds <= span <= MAX_MERGED * seconds}


def retention(seconds: float) -> float:
    """How long before the newest closed window's end a window is still of use."""
    return max(spans(seconds).values(), default=0.0)


def essence(sums: Sums) -> Sums:
    """What of a settled window the spans still need."""
    return _merged([sums])


def roll(
    windows: Iterable[OpenWindow], spec: ModelSpec, contradicted_at: Callable[[float], bool]
) -> dict[Span, Rolling]:
    """Each span up to the end of the newest closed window, of the length now in force. `contradicted_at` knows whether labels had
    contradicted the estimates by an event time.
    """
    closed = [window for window in windows if window.closed and window.seconds == spec.window_seconds]
    if not closed:
        return {}
    end = max(window.end for window in closed)
    return {
        name: _merge(
            [w for w in closed if w.start >= end - seconds], seconds, end, spec, contradicted_at(end)
        )
        for name, seconds in spans(spec.window_seconds).items()
    }


def _merge(
    windows: list[OpenWindow], seconds: float, end: float, spec: ModelSpec, contradicted: bool
) -> Rolling:
    merged = _merged([window.sums for window in sorted(windows, key=lambda window: window.start)])
    return Rolling(
        seconds=seconds,
        end=moment(end),
        n=merged.total("traffic", 0),
        metrics=overall(merged, spec),
        estimates=estimate(merged, spec, contradicted=contradicted),
        latency_quantiles=latency_quantiles(merged),
    )


def _merged(windows: list[Sums]) -> Sums:
    merged = Sums()
    for table in (*_WHOLE, *_CELLS):
        rows: dict[str, list[Floats]] = {}
        width = 0
        for sums in windows:
            block = sums.tables.get(table)
            if block is None:
                continue
            if block.columns != width:  # of another task, before the spec was corrected
                rows, width = {}, block.columns
            for group, row in [("", block.row(""))] if table in _WHOLE else block:
                rows.setdefault(group, []).append(row)
        if rows:
            added = np.array([np.sum(some, axis=0) for some in rows.values()])
            merged.add(table, Rows(list(rows), added))
    return merged
