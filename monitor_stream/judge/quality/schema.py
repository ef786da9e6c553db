"""Checks on events as a whole: what does not fit the spec, and ids that come twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from monitor_stream.events import tables
from monitor_stream.judge.quality.values import Check

#: What is told of, and from which share of the events on. A field that nobody knows is a later version's, not a fault.
LIMITS: Final[Mapping[tables.Check, tuple[float, str]]] = {
    "absent_feature": (0.01, "lack a feature that the spec names"),
    "unknown_feature": (0.01, "carry a feature that the spec does not name"),
    "without_id": (0.05, "have no id, so no label can find them"),
    "duplicate": (0.05, "have an id that came before"),
    "late": (0.05, "came later than the label horizon allows, and are in no window"),
    "without_prediction": (0.01, "have neither a prediction, nor a score, nor an error"),
    "unfit_prediction": (0.01, "have a prediction that does not fit the task"),
    "unfit_interval": (0.01, "have an interval whose ends are no range of numbers"),
    "unfit_label": (0.01, "got a label that does not fit the task"),
}


def check_records(records: Mapping[str, float], n: float) -> Iterator[Check]:
    """Check how many of n events have each fault.

    >>> [check.name for check in check_records({"duplicate": 60.0}, 1000.0) if check.firing]
    ['duplicate']
    """
    for name, (limit, what) in LIMITS.items():
        count = records.get(name, 0.0)
        # Duplicates and late ones are in no window, so they are not among the n.
        share = count / max(n, count, 1.0)
        yield Check(
            name,
            count,
            n,
            0.0,
            limit,
            1.0,
            share > limit,
            f"{100 * share:.3g}% of {n:,.0f} predictions {what}.",
        )
