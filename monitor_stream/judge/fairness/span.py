"""Which of the newest settled days groups are compared over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.fairness.attributes import is_group
from monitor_stream.judge.fairness.groups import counts
from monitor_stream.judge.settled_days import SettledDays, Span
from monitor_stream.judge.sums import Sums

#: Days are added for the sake of groups that are at least this share of all: the share from which on adverse impact is to be
#: determined (41 CFR 60-3.15 A 2 a). Smaller groups are judged where the days hold enough of them anyway.
MATTERS: Final = 0.02


def span(days: SettledDays, attribute: str, spec: ModelSpec) -> Span | None:
    """The fewest of the newest days, `min_days` at least, that hold enough of every group that matters; all of them, where no group does."""
    whole = next(iter(deque(days.back(), maxlen=1)), None)
    if whole is None:
        return None
    sizes = _sizes(whole.sums, attribute, spec)
    least = max(spec.fairness.min_group, MATTERS * sum(sizes.values()))
    needed = [value for value, size in sizes.items() if size >= least and is_group(value)]
    long = (each for each in days.back() if each.days >= spec.fairness.min_days)
    enough = (each for each in long if needed and _holds(each.sums, attribute, spec, needed))
    return next(enough, whole)


def _holds(sums: Sums, attribute: str, spec: ModelSpec, needed: Iterable[str]) -> bool:
    sizes = _sizes(sums, attribute, spec)
    return all(sizes.get(value, 0.0) >= spec.fairness.min_group for value in needed)


def _sizes(sums: Sums, attribute: str, spec: ModelSpec) -> dict[str, float]:
    """Scored pairs by group; predictions, where none has a label."""
    found = counts(sums, attribute, sums.task(spec.task))
    labelled = any(scored for _, scored in found.values())
    return {value: scored if labelled else n for value, (n, scored) in found.items()}
