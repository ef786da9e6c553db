"""Scoring: what a model answered against what was true, one file a task."""

from __future__ import annotations

from monitor_stream.events.spec import ModelSpec
from monitor_stream.observe.scoring.answers import Answers, Scorer, Scores, Truths
from monitor_stream.observe.scoring.binary import BinaryScorer
from monitor_stream.observe.scoring.classes import Classes
from monitor_stream.observe.scoring.multiclass import MulticlassScorer
from monitor_stream.observe.scoring.regression import RegressionScorer

__all__ = ["Answers", "Classes", "Scorer", "Scores", "Truths", "scorer"]


def scorer(spec: ModelSpec, truth_classes: Classes) -> Scorer:
    """The scorer of a spec's task; `truth_classes` are those seen in the model's labels."""
    if spec.task == "regression":
        return RegressionScorer(spec)
    if spec.task == "binary":
        return BinaryScorer(spec)
    return MulticlassScorer(spec, truth_classes)
