"""The groups of a sensitive attribute, and what each got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from monitor_stream.events.results import GroupResult
from monitor_stream.events.spec import ModelSpec, Task
from monitor_stream.events.tables import ANSWERS, PERFORMANCE, segment_group
from monitor_stream.judge.fairness.attributes import values
from monitor_stream.judge.fairness.binary import binary_measures
from monitor_stream.judge.fairness.measures import (
    Measures,
    calibration_bias,
    expected_calibration_error,
    known,
)
from monitor_stream.judge.fairness.multiclass import multiclass_measures
from monitor_stream.judge.fairness.regression import regression_measures
from monitor_stream.judge.fairness.rows import named, within
from monitor_stream.judge.performance.intervals import Z95
from monitor_stream.judge.sums import Sums

#: Groups of one attribute that are looked at: the largest.
MOST: Final = 20


class Group(NamedTuple):
    """One group: how many predictions and labels, and what it got; `ece` has no interval."""

    value: str
    n: float
    scored: float
    measures: Measures
    ece: float | None

    @property
    def result(self) -> GroupResult:
        """As it is shown."""
        ece = {} if self.ece is None else {"ece": self.ece}
        return GroupResult(
            value=self.value,
            n=round(self.n),
            scored=round(self.scored),
            values={name: measure.value for name, measure in self.measures.items()} | ece,
            intervals={name: measure.interval(Z95) for name, measure in self.measures.items()},
        )


def groups_of(sums: Sums, attribute: str, spec: ModelSpec) -> list[Group]:
    """The largest groups of an attribute, the largest first."""
    task = sums.task(spec.task)
    classes, confusion = within(sums, "group_classes"), within(sums, "group_confusion")
    sizes = counts(sums, attribute, task)
    largest = sorted(sizes, key=lambda value: (-max(sizes[value]), value))[:MOST]
    found = []
    for value in largest:
        group = segment_group(attribute, value)
        row = sums.row("calibration", group)
        measures = _measures(sums, group, spec, classes.get(group, {}), confusion.get(group, {}))
        if row is not None:
            measures |= known(calibration_bias=calibration_bias(row))
        ece = None if row is None else expected_calibration_error(row)
        found.append(Group(value, *sizes[value], measures, ece))
    return found


def counts(sums: Sums, attribute: str, task: Task) -> dict[str, tuple[float, float]]:
    """How many predictions and how many scored pairs each value of an attribute has."""
    classes = within(sums, "group_classes")
    tables = [sums.tables.get("performance"), sums.tables.get("answers")]
    groups = [*classes, *(group for block in tables if block for group in block.groups)]
    found = {}
    for value in dict.fromkeys(values(attribute, groups)):
        group = segment_group(attribute, value)
        scored = named(sums, "performance", group, PERFORMANCE[task])["scored"]
        answered = named(sums, "answers", group, ANSWERS)["answered"]
        found[value] = (sum(classes[group].values()) if group in classes else answered, scored)
    return found


def _measures(
    sums: Sums, group: str, spec: ModelSpec, classes: Mapping[str, float], confusion: Mapping[str, float]
) -> Measures:
    match sums.task(spec.task):
        case "regression":
            return regression_measures(sums, group, spec)
        case "binary":
            return binary_measures(sums, group)
        case "multiclass":
            return multiclass_measures(sums, group, classes, confusion)
