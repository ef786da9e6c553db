"""Metrics of a classification into several classes, from sums and a confusion matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import OTHER
from monitor_stream.events.tables import split_confusion
from monitor_stream.judge.performance.expected_calibration import UNCOUNTED, by_bin, distance
from monitor_stream.judge.performance.findings import NOTHING_SCORED, Findings
from monitor_stream.judge.performance.intervals.losses import loss_interval
from monitor_stream.judge.performance.intervals.macro_f1 import macro_f1_interval
from monitor_stream.judge.performance.intervals.wilson import wilson

_NO_SCORES: Final = "no scores"


def multiclass_metrics(
    row: Mapping[str, float], confusion: Mapping[str, float] | None, calibration: Floats | None = None
) -> Findings:
    """``accuracy macro_f1 log_loss ece``; the last two over pairs that carry scores, with the natural logarithm, and of the
    highest probability against how often it was right.

    >>> from monitor_stream.events.tables import confusion_group
    >>> row = {"scored": 4.0, "bad": 1.0, "with_score": 0.0, "log_loss": 0.0, "log_loss_squared": 0.0}
    >>> matrix = {
    ...     confusion_group("cat", "cat"): 2.0,
    ...     confusion_group("dog", "dog"): 1.0,
    ...     confusion_group("cat", "dog"): 1.0,
    ... }
    >>> multiclass_metrics(row, matrix).values
    {'accuracy': 0.75, 'macro_f1': 0.733...}
    """
    found, n = Findings(), row["scored"]
    found.ratio("accuracy", n - row["bad"], n, NOTHING_SCORED)
    if n and confusion is None:
        found.missing("macro_f1", "classes of this group are not counted")
    else:
        _macro_f1(found, confusion or {}, "no class is counted by its name" if n else NOTHING_SCORED)
    found.ratio("log_loss", row["log_loss"], row["with_score"], _lacking(row, _NO_SCORES))
    if calibration is None:
        found.missing("ece", _lacking(row, UNCOUNTED if row["with_score"] else _NO_SCORES))
    else:
        pairs = float(by_bin(calibration)[:, 0].sum())
        found.ratio("ece", distance(calibration), pairs, _lacking(row, _NO_SCORES))
    found.interval("accuracy", wilson(n - row["bad"], n))
    found.interval("log_loss", loss_interval(row["with_score"], row["log_loss"], row["log_loss_squared"]))
    return found


def _lacking(row: Mapping[str, float], what: str) -> str:
    return what if row["scored"] else NOTHING_SCORED


def _macro_f1(found: Findings, confusion: Mapping[str, float], otherwise: str) -> None:
    """The mean F1 of the classes that occur as prediction or label.

    Classes beyond the bound are counted together as `OTHER`: their mistakes count against the named classes, but a
    sum of several classes has no F1 of its own.
    """
    hits: dict[str, float] = defaultdict(float)
    named: dict[str, float] = defaultdict(float)  # as prediction and as label
    for group, pairs in confusion.items():
        prediction, label = split_confusion(group)
        named[prediction] += pairs
        named[label] += pairs
        if prediction == label:
            hits[label] += pairs
    scores = {
        name: 2.0 * hits[name] / count for name, count in named.items() if count > 0.0 and name != OTHER
    }
    found.ratio("macro_f1", sum(scores.values()), len(scores), otherwise)
    found.interval("macro_f1", macro_f1_interval(confusion, scores, named))
