"""What a group got of a classification into several classes: each class in its turn is the positive one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor_stream.events.spec import OTHER
from monitor_stream.events.tables import PERFORMANCE, split_confusion
from monitor_stream.judge.fairness.measures import Measure, Measures, known, share
from monitor_stream.judge.fairness.rows import named
from monitor_stream.judge.sums import Sums


def multiclass_measures(
    sums: Sums, group: str, classes: Mapping[str, float], confusion: Mapping[str, float]
) -> Measures:
    """The same as in a binary classification, with the class behind: ``selection_rate[cat]``; and ``accuracy``.

    Classes beyond the bound are no class: their predictions count in the sums, and have no rates.

    Parameters
    ----------
    classes, confusion
        Predictions of the group by class, and its scored pairs by `confusion_group`.
    """
    row = named(sums, "performance", group, PERFORMANCE["multiclass"])
    found = known(accuracy=share(row["scored"] - row["bad"], row["scored"]))
    answered = sum(classes.values())
    cells = {split_confusion(cell): pairs for cell, pairs in confusion.items()}
    for name in sorted({*classes, *(side for cell in cells for side in cell)} - {OTHER}):
        rates = {"selection_rate": share(classes.get(name, 0.0), answered)} | dict(_rates(cells, name))
        found |= known(**{f"{rate}[{name}]": measure for rate, measure in rates.items()})
    return found


def _rates(cells: Mapping[tuple[str, str], float], name: str) -> Iterator[tuple[str, Measure | None]]:
    n = sum(cells.values())
    hits = cells.get((name, name), 0.0)
    predicted = sum(pairs for (prediction, _), pairs in cells.items() if prediction == name)
    actual = sum(pairs for (_, label), pairs in cells.items() if label == name)
    yield "true_positive_rate", share(hits, actual)
    yield "false_positive_rate", share(predicted - hits, n - actual)
    yield "positive_predictive_value", share(hits, predicted)
