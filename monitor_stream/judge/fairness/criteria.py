"""What is asked of a model's treatment of groups, and from where on it is unfair."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from monitor_stream.events.results import FairnessGap
from monitor_stream.events.spec import ModelSpec, Task
from monitor_stream.events.tables import ANSWERS, PERFORMANCE
from monitor_stream.judge.fairness.attributes import is_group
from monitor_stream.judge.fairness.by_day import Day
from monitor_stream.judge.fairness.gaps import Limit, gap, groups_with
from monitor_stream.judge.fairness.groups import Group
from monitor_stream.judge.fairness.rows import named
from monitor_stream.judge.sums import Sums

_RATES: Final[Mapping[str, tuple[str, ...]]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalised_odds": ("true_positive_rate", "false_positive_rate"),
    "predictive_parity": ("positive_predictive_value",),
    "calibration": ("calibration_bias",),
}
#: The measures that each criterion asks to be alike, in a multiclass task of every class.
CRITERIA: Final[Mapping[Task, Mapping[str, tuple[str, ...]]]] = {
    "binary": _RATES,
    "multiclass": _RATES,
    "regression": {name: (name,) for name in ("mean_prediction", "bias", "mae")},
}
#: What is known of predictions alone, without labels.
UNLABELLED: Final = frozenset({"demographic_parity", "mean_prediction"})


def gaps(
    groups: Sequence[Group], sums: Sums, spec: ModelSpec, days: Sequence[Day] = ()
) -> Iterator[FairnessGap]:
    """The gap of each criterion, where two groups are large enough: by predictions, or by labels where it needs them. What they
    got on each of the `days` that make up the sums says how far to trust it.
    """
    task, least = sums.task(spec.task), spec.fairness.min_group
    settled = len(days) >= spec.fairness.min_days
    for criterion, stems in CRITERIA[task].items():
        unlabelled = criterion in UNLABELLED
        large = [
            (group.value, group.measures)
            for group in groups
            if is_group(group.value) and (group.n if unlabelled else group.scored) >= least
        ]
        names = sorted({name for _, of in large for name in of if name.partition("[")[0] in stems})
        by_measure = {name: groups_with(large, name) for name in names}
        found = gap(criterion, by_measure, limit(criterion, sums, spec), days)
        if found is not None:
            yield found if settled else msgspec.structs.replace(found, verdict="too early to say")


def limit(criterion: str, sums: Sums, spec: ModelSpec) -> Limit:
    """From where on a difference in a criterion is unfair.

    Of rates it is the rule's; the four-fifths rule, which is about being selected, is for the demographic parity of a binary task
    alone (29 CFR 1607.4 D). Of mean errors it is that share of the mean absolute error, of mean predictions that share of their
    standard deviation, both over all predictions.
    """
    rules, task = spec.fairness, sums.task(spec.task)
    if task != "regression":
        four_fifths = task == "binary" and criterion == "demographic_parity"
        return Limit(rules.difference, rules.ratio if four_fifths else None)
    if criterion == "mean_prediction":
        answers = named(sums, "answers", "", ANSWERS)
        n, total, squares = (answers[column] for column in ANSWERS)
        return Limit(rules.difference * (math.sqrt(max(squares - total * total / n, 0.0) / n) if n else 0.0))
    row = named(sums, "performance", "", PERFORMANCE["regression"])
    return Limit(rules.difference * (row["absolute_error"] / row["scored"] if row["scored"] else 0.0))
