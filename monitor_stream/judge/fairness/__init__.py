"""Whether a model treats groups alike: by every sensitive attribute, over the newest settled days that hold enough of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Fairness
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.judge.fairness.attributes import attributes
from monitor_stream.judge.fairness.by_day import ByDay, Day
from monitor_stream.judge.fairness.criteria import gaps
from monitor_stream.judge.fairness.findings import findings
from monitor_stream.judge.fairness.groups import groups_of
from monitor_stream.judge.fairness.span import span
from monitor_stream.judge.settled_days import SettledDays, Span
from monitor_stream.judge.sums import Sums

__all__ = ["ByDay", "assess", "findings"]


def assess(days: SettledDays, spec: ModelSpec, by_day: ByDay) -> Iterator[tuple[Fairness, Sums]]:
    """How the groups of each sensitive attribute fared, and the sums that it follows from."""
    for attribute in attributes(spec):
        found = span(days, attribute, spec)
        if found is not None:
            each = by_day.since(days, found.start, attribute, spec)
            yield _assess(found, each, attribute, spec), found.sums


def _assess(over: Span, each: Sequence[Day], attribute: str, spec: ModelSpec) -> Fairness:
    groups = groups_of(over.sums, attribute, spec)
    found = list(gaps(groups, over.sums, spec, each))
    reason = ""
    if not groups:
        reason = f"no prediction has a value of {attribute}"
    elif not found:
        count = round((over.end - over.start) / DAY)
        days = "the newest settled day" if count == 1 else f"the newest {count} settled days"
        reason = f"no two groups have {spec.fairness.min_group} predictions or labels in {days}"
    return Fairness(
        attribute=attribute,
        start=moment(over.start),
        end=moment(over.end),
        groups=[group.result for group in groups],
        gaps=found,
        not_computable=reason,
    )
