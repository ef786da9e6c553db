"""Metrics of a classification into several classes, from sums and a confusion matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from monitor_stream.events.spec import OTHER
from monitor_stream.events.tables import split_confusion
from monitor_stream.judge.performance.findings import NOTHING_SCORED, Findings


def multiclass_metrics(row: Mapping[str, float], confusion: Mapping[str, float] | None) -> Findings:
    """``accuracy macro_f1 log_loss``; the last over pairs that carry scores, with the natural logarithm.

    >>> from monitor_stream.events.tables import confusion_group
    >>> row = {"scored": 4.0, "bad": 1.0, "with_score": 0.0, "log_loss": 0.0}
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
    found.ratio("log_loss", row["log_loss"], row["with_score"], "no scores" if n else NOTHING_SCORED)
    return found


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
    scores = [2.0 * hits[name] / count for name, count in named.items() if count > 0.0 and name != OTHER]
    found.ratio("macro_f1", sum(scores), len(scores), otherwise)
