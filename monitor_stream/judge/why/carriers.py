"""The segments that carry the loss of settled days, as facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.segment_losses import segment_losses
from monitor_stream.judge.why.facts import Losses
from monitor_stream.judge.windows import OpenWindow


def carriers(days: Iterable[OpenWindow], spec: ModelSpec) -> Iterator[Losses]:
    """Of each settled day those segments whose error lies above the rest's by more than chance.

    Known a horizon after the day's end, as all that labels tell of settled days.
    """
    for day in days:
        performance = day.sums.tables.get("performance")
        if performance is None:
            continue
        found = [
            each for each in segment_losses(performance, day.sums.task(spec.task)) if each.low > each.rest
        ]
        if found:
            yield Losses(day.end + spec.horizon_seconds, float(day.start), day.end, found)
