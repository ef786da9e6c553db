"""Where metrics are gathered: each has a finite value or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping

from monitor_stream.events.results import Metrics
from monitor_stream.judge.performance.intervals import Interval

NOTHING_SCORED = "no scored pairs"


class Findings:
    """Metrics by name, in the order they were found.

    >>> found = Findings()
    >>> found.ratio("precision", 3.0, 4.0, "nothing predicted positive")
    >>> found.ratio("recall", 0.0, 0.0, "no positive labels")
    >>> found.values, found.not_computable
    ({'precision': 0.75}, {'recall': 'no positive labels'})
    """

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.not_computable: dict[str, str] = {}
        self.intervals: dict[str, Interval] = {}

    def value(self, name: str, value: float) -> None:
        """Note a value; one that is not finite came from sums that overflowed."""
        if math.isfinite(value):
            self.values[name] = value
        else:
            self.missing(name, "the sums are too large for a floating-point number")

    def ratio(self, name: str, numerator: float, denominator: float, otherwise: str) -> None:
        """Note a ratio, or why there is none where the denominator is 0."""
        if denominator > 0.0:
            self.value(name, numerator / denominator)
        else:
            self.missing(name, otherwise)

    def interval(self, name: str, interval: Interval | None) -> None:
        """Note the interval of a value, where there are both; it holds the value."""
        if interval is None or name not in self.values:
            return
        low, high = min(interval[0], self.values[name]), max(interval[1], self.values[name])
        if math.isfinite(low) and math.isfinite(high):
            self.intervals[name] = low, high

    def missing(self, name: str, reason: str) -> None:
        """Note why a metric has no value."""
        self.not_computable[name] = reason

    def metrics(self, row: Mapping[str, float]) -> Metrics:
        """All that was found, with the counts of its `performance` row."""
        return Metrics(
            scored=round(row["scored"]),
            bad=round(row["bad"]),
            values=self.values,
            not_computable=self.not_computable,
            intervals=self.intervals,
        )
