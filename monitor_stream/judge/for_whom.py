"""For whom the model is right: calibration, the segments that carry the loss, and fairness, judged day by settled day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from monitor_stream.events.results import Calibration, Fairness, Finding, SegmentLoss
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge import fairness
from monitor_stream.judge.calibration import calibration
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.segment_losses import segment_losses
from monitor_stream.judge.settled_days import SettledDays, Span
from monitor_stream.judge.windows import OpenWindow

#: Days that are judged together: one of them has its weather, and a week has a week-end.
WEEK: Final = 7


class ForWhomState(msgspec.Struct, array_like=True):
    """What was found last; it stays until newer days can be judged."""

    calibration: Calibration | None = None
    segment_losses: list[SegmentLoss] = []
    fairness: list[Fairness] = []


class ForWhom:
    """Takes settled days, and judges the newest `WEEK` of them, more where these hold too little: `min_samples` scored pairs, and for
    fairness enough of each group (`fairness.span`).
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("for_whom", model, version)
        self._journal = journal
        self._days = SettledDays(model, version, journal)
        self._by_day = fairness.ByDay()
        self.found = ForWhomState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held of what was found."""
        self.found = unpack(ForWhomState, data)

    def restore_day(self, start: int, data: bytes) -> None:
        """Take back what the store held of a day."""
        self._days.restore(start, data)

    def take(self, days: Iterable[OpenWindow], spec: ModelSpec) -> list[Finding]:
        """Take in settled days, the oldest first; what is found of fairness."""
        return [finding for day in days for finding in self._day(day, spec)]

    def _day(self, day: OpenWindow, spec: ModelSpec) -> list[Finding]:
        self._days.add(day)
        enough = _enough(self._days.back(), spec.min_samples)
        if enough is not None:
            self._judge(enough, spec)
        assessed = list(fairness.assess(self._days, spec, self._by_day))
        self.found.fairness = [each for each, _ in assessed]
        self._journal.put(self._field, lambda: pack(self.found))
        return [finding for each, sums in assessed for finding in fairness.findings(each, sums, spec)]

    def _judge(self, span: Span, spec: ModelSpec) -> None:
        row = span.sums.row("calibration")
        if row is not None:
            self.found.calibration = calibration(row, span.start, span.end) or self.found.calibration
        block = span.sums.tables["performance"]
        self.found.segment_losses = segment_losses(block, span.sums.task(spec.task))


def _enough(spans: Iterable[Span], least: int) -> Span | None:
    """The shortest that is long enough, of those that hold enough; the longest of them, where there are no more days."""
    found = None
    for span in spans:
        if span.sums.total("performance", 0) >= least:
            found = span
            if span.days >= WEEK:
                break
    return found
