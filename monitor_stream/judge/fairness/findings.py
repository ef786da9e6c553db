"""What incidents are told of fairness."""

from __future__ import annotations

from collections.abc import Iterator

from monitor_stream.events.results import Fairness, FairnessGap, Finding
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import segment_group
from monitor_stream.judge.fairness.criteria import limit
from monitor_stream.judge.sums import Sums


def findings(fairness: Fairness, sums: Sums, spec: ModelSpec) -> Iterator[Finding]:
    """One for each criterion that was judged: it fires where that is unfair."""
    n = sum(group.n for group in fairness.groups)
    for gap in fairness.gaps:
        allowed, ratio = limit(gap.criterion, sums, spec)
        firing = gap.verdict == "unfair"
        effect = gap.difference / allowed if allowed else 0.0
        if ratio is not None and gap.ratio:
            effect = max(effect, ratio / gap.ratio)
        yield Finding(
            signal="fairness",
            check=gap.criterion,
            column=fairness.attribute,
            firing=firing,
            direction="worse" if firing else "moved",
            start=fairness.start,
            end=fairness.end,
            n=n,
            value=gap.difference,
            expected=0.0,
            threshold=allowed,
            effect=effect,
            detail=_sentence(fairness, gap) if firing else "",
        )


def _sentence(fairness: Fairness, gap: FairnessGap) -> str:
    values = {
        group.value: group.values[gap.metric] for group in fairness.groups if gap.metric in group.values
    }
    more, less = (segment_group(fairness.attribute, value) for value in (gap.highest, gap.lowest))
    return (
        f"The {gap.metric.replace('_', ' ')} of {more} is {values[gap.highest]:.3g}, of {less} {values[gap.lowest]:.3g}: "
        f"a difference of {gap.difference:.3g}, in [{gap.low:.3g}, {gap.high:.3g}] with 95 % certainty."
    )
