"""Days of people in groups, as raw pairs and as the sums that OBSERVE makes of them, written plainly."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.events.tables import TableName, grouped, segment_group
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.settled_days import SettledDays
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow
from tests.judge.performance.pairs import (
    binary_row,
    calibration_row,
    confusion,
    multiclass_row,
    regression_row,
)

Texts = npt.NDArray[np.str_]


class People(NamedTuple):
    """Rows of a day, or of several: `answer` is a score, a number, or a class, `confidence` the highest probability of a class."""

    group: Texts
    answer: npt.NDArray[np.generic]
    label: npt.NDArray[np.generic]
    confidence: Floats

    def of(self, value: str) -> People:
        return People(*(column[self.group == value] for column in self))


def binary(
    rates: dict[str, float], n: int = 2000, seed: int = 0, shift: dict[str, float] | None = None
) -> People:
    """People whose score is beta distributed around the rate of their group, and comes true as often as it says, plus a shift."""
    rng = np.random.default_rng(seed)
    group = rng.choice(list(rates), n)
    rate = np.array([rates[value] for value in group])
    score = rng.beta(4.0 * rate, 4.0 * (1.0 - rate))
    shifts = np.array([(shift or {}).get(value, 0.0) for value in group])
    label = (rng.random(n) < np.clip(score + shifts, 0.0, 1.0)).astype(float)
    return People(group, score, label, score)


def regression(errors: dict[str, float], n: int = 2000, seed: int = 0) -> People:
    """People whose prediction is off by so much on average; labels lie around 40."""
    rng = np.random.default_rng(seed)
    group = rng.choice(list(errors), n)
    label = rng.normal(40.0, 10.0, n)
    answer = label + rng.normal([errors[value] for value in group], 3.0)
    return People(group, answer, label, np.zeros(n))


def multiclass(right: dict[str, float], n: int = 3000, seed: int = 0) -> People:
    """People of three classes; so large a share of each group is recognised, the others are taken for the next class."""
    rng = np.random.default_rng(seed)
    group = rng.choice(list(right), n)
    label = rng.choice(["cat", "dog", "emu"], n, p=[0.5, 0.3, 0.2])
    following = np.array([{"cat": "dog", "dog": "emu", "emu": "cat"}[each] for each in label])
    answer = np.where(rng.random(n) < [right[value] for value in group], label, following)
    return People(group, answer, label, rng.uniform(0.4, 1.0, n))


def day(at: int, people: People, spec: ModelSpec, attribute: str = "sex", reference: str = "a") -> OpenWindow:
    """A settled day whose labels have all come."""
    tables: dict[TableName, dict[str, Floats]] = {}
    values = sorted(set(people.group.tolist()))
    groups = {"": people} | {segment_group(attribute, value): people.of(value) for value in values}
    for group, rows in groups.items():
        for table, row in _sums(rows, spec).items():
            tables.setdefault(table, {})[group] = row
        if group and spec.task == "multiclass":
            for table, cells in _cells(rows).items():
                tables.setdefault(table, {}).update(
                    {grouped(group, cell): np.array([float(count)]) for cell, count in cells.items()}
                )
    sums = Sums()
    for table, by_group in tables.items():
        sums.add(table, Rows(list(by_group), np.array(list(by_group.values()))))
    window = OpenWindow(f"day {at}", int(at * DAY), DAY, sums)
    window.reference = reference
    return window


def days(*each: OpenWindow) -> SettledDays:
    settled = SettledDays("m", "1", Journal({}))
    for window in each:
        settled.add(window)
    return settled


def _sums(rows: People, spec: ModelSpec) -> dict[TableName, Floats]:
    if spec.task == "regression":
        answer, label = rows.answer.astype(float), rows.label.astype(float)
        return {"performance": regression_row(answer, label), "answers": _answers(answer)}
    if spec.task == "multiclass":
        right = (rows.answer == rows.label).astype(float)
        row = multiclass_row(rows.answer.tolist(), rows.label.tolist(), 1.0, len(right))
        return {"performance": row, "calibration": calibration_row(rows.confidence, right)}
    score, label = rows.answer.astype(float), rows.label.astype(float)
    return {
        "performance": binary_row(score, label),
        "answers": _answers((score >= 0.5).astype(float)),
        "calibration": calibration_row(score, label),
    }


def _answers(answer: Floats) -> Floats:
    return np.array([float(len(answer)), answer.sum(), np.square(answer).sum()])


def _cells(rows: People) -> dict[TableName, dict[str, float]]:
    classes = Counter(rows.answer.tolist())
    return {
        "group_classes": dict(classes),
        "group_confusion": confusion(rows.answer.tolist(), rows.label.tolist()),
    }
