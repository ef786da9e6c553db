"""Histograms of what is no feature: predictions, scores and labels."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, ModelSpec, NumericReference, Reference
from monitor_stream.observe.columns import Array
from monitor_stream.observe.histograms import Bins, Histograms, bins_of
from monitor_stream.observe.scoring import Classes
from monitor_stream.observe.scoring.binary import BinaryScorer
from monitor_stream.observe.scoring.multiclass import NO_CLASS
from monitor_stream.observe.sums import Rows, Windows

#: Positive classes that a number says as 1.
_ONE: Final = ("true", "1")


class AnswerHistogram:
    """The histogram of predictions or labels, under its group code.

    In a binary task there are two classes: whatever is not the positive one is counted under the first name of the
    reference that is not it.
    """

    def __init__(self, spec: ModelSpec, reference: Reference | None, code: int) -> None:
        self._histograms = Histograms({code: _bins(spec, reference)})
        self._classes: Classes | None = None
        if spec.task == "multiclass" and isinstance(reference, CategoricalReference):
            self._classes = Classes(reference.shares)

    def add(self, rows: Rows, spans: Windows, values: Array) -> None:
        """Count answers as their task has them: numbers, 1 for the positive class, hashes of classes."""
        if not len(self._histograms.columns):
            return
        numbers: Floats = values
        if self._classes is not None:
            codes = self._classes.codes(values)
            numbers = np.where(values == NO_CLASS, np.nan, codes)
        self._histograms.add(rows, spans, numbers[:, None])


def _bins(spec: ModelSpec, reference: Reference | None) -> Bins | None:
    if spec.task == "regression":
        return bins_of(reference)
    if spec.task == "multiclass":
        return bins_of(reference, coded=True)
    if isinstance(reference, NumericReference):
        return bins_of(reference) if spec.positive in _ONE else None
    if not isinstance(reference, CategoricalReference):
        return None
    scorer = BinaryScorer(spec)
    names = {scorer.class_of(name): name for name in reversed(reference.shares)}
    return bins_of(reference, [names.get(0.0, ""), names.get(1.0, "")])
