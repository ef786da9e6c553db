"""The segments that carry the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from monitor_stream.events.results import SegmentLoss
from monitor_stream.events.spec import Task
from monitor_stream.events.tables import PERFORMANCE, split_segment
from monitor_stream.judge.performance.intervals import Interval
from monitor_stream.judge.performance.intervals.losses import loss_interval
from monitor_stream.judge.performance.intervals.wilson import wilson
from monitor_stream.judge.sums import Block

#: How many are shown.
MOST: Final = 10


class _Errors(NamedTuple):
    n: float
    mean: float
    interval: Interval


def segment_losses(performance: Block, task: Task) -> list[SegmentLoss]:
    """The segments that are worse than the rest, those that surely carry most first, at most `MOST`.

    What a segment carries is the excess of its error rate (or mean absolute error) over that of all other pairs, times its size. They
    are ranked by the lower end of that excess's 95 % interval: bad luck of a handful stands last. A segment with too few pairs for
    an interval of its error is not ranked.

    Parameters
    ----------
    performance
        Sums by group, one row a segment and one, ``""``, for all pairs.
    """
    return [loss for _, loss in sorted(_losses(performance, task), key=_rank)[:MOST]]


def _rank(ranked: tuple[float, SegmentLoss]) -> tuple[float, str, str]:
    surely, loss = ranked
    return -surely, loss.segment, loss.value


def _losses(performance: Block, task: Task) -> Iterator[tuple[float, SegmentLoss]]:
    """Each that is worse than the rest, and the loss that it surely carries."""
    whole, columns = performance.row(""), PERFORMANCE[task]
    all_errors = _total(dict(zip(columns, whole.tolist(), strict=True)), task)
    for group, row in performance:
        segment = _errors(dict(zip(columns, row.tolist(), strict=True)), task) if group else None
        rest = _errors(dict(zip(columns, (whole - row).tolist(), strict=True)), task) if segment else None
        if segment is None or rest is None or segment.mean <= rest.mean or all_errors <= 0.0:
            continue
        excess = segment.mean - rest.mean
        # Zou and Donner (2008), Construction of confidence limits about effect measures: a general approach.
        lower = excess - math.hypot(segment.mean - segment.interval[0], rest.interval[1] - rest.mean)
        name, value = split_segment(group)
        yield (
            segment.n * lower,
            SegmentLoss(
                segment=name,
                value=value,
                n=round(segment.n),
                metric=segment.mean,
                low=segment.interval[0],
                high=segment.interval[1],
                rest=rest.mean,
                loss=segment.n * excess / all_errors,
            ),
        )


def _total(row: Mapping[str, float], task: Task) -> float:
    return row["absolute_error"] if task == "regression" else row["bad"]


def _errors(row: Mapping[str, float], task: Task) -> _Errors | None:
    n, total = row["scored"], _total(row, task)
    if task == "regression":
        interval = loss_interval(n, total, row["squared_error"])
    else:
        interval = wilson(total, n)
    return None if interval is None else _Errors(n, total / n, interval)
