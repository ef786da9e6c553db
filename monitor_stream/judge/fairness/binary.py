"""What a group got of a binary classification."""

from __future__ import annotations

from monitor_stream.events.tables import ANSWERS, PERFORMANCE
from monitor_stream.judge.fairness.measures import Measures, known, share
from monitor_stream.judge.fairness.rows import named
from monitor_stream.judge.sums import Sums


def binary_measures(sums: Sums, group: str) -> Measures:
    """``selection_rate true_positive_rate false_positive_rate positive_predictive_value accuracy``."""
    answers, row = (
        named(sums, "answers", group, ANSWERS),
        named(sums, "performance", group, PERFORMANCE["binary"]),
    )
    hits, false = row["true_positive"], row["false_positive"]
    return known(
        selection_rate=share(answers["answer"], answers["answered"]),
        true_positive_rate=share(hits, hits + row["false_negative"]),
        false_positive_rate=share(false, false + row["true_negative"]),
        positive_predictive_value=share(hits, hits + false),
        accuracy=share(row["scored"] - row["bad"], row["scored"]),
    )
