"""Metrics of a binary classification from sums over its scored pairs."""

from __future__ import annotations

from collections.abc import Mapping

from monitor_stream.events.delta import Floats
from monitor_stream.judge.performance.findings import NOTHING_SCORED, Findings
from monitor_stream.judge.performance.roc import roc_auc

_NO_SCORES = "no scores"


def binary_metrics(row: Mapping[str, float], scores: Floats | None) -> Findings:
    """``accuracy precision recall f1 log_loss brier auc base_rate mean_score``, from the positive class's view.

    `log_loss` (natural logarithm), `brier`, `mean_score` and `auc` are over pairs that carry a score, the others over
    all pairs. `base_rate` is the share of positive labels.

    >>> from monitor_stream.events.tables import PERFORMANCE
    >>> row = dict.fromkeys(PERFORMANCE["binary"], 0.0)
    >>> found = binary_metrics(
    ...     row | {"scored": 4.0, "bad": 1.0, "true_negative": 3.0, "false_negative": 1.0}, None
    ... )
    >>> found.values
    {'accuracy': 0.75, 'recall': 0.0, 'f1': 0.0, 'base_rate': 0.25}
    >>> found.not_computable["precision"]
    'nothing was predicted positive'
    """
    found, n = Findings(), row["scored"]
    hits, predicted = row["true_positive"], row["true_positive"] + row["false_positive"]
    positive = row["true_positive"] + row["false_negative"]

    def reason(text: str) -> str:
        return text if n else NOTHING_SCORED

    found.ratio("accuracy", hits + row["true_negative"], n, NOTHING_SCORED)
    found.ratio("precision", hits, predicted, reason("nothing was predicted positive"))
    found.ratio("recall", hits, positive, reason("no label is positive"))
    found.ratio(
        "f1", 2.0 * hits, predicted + positive, reason("neither a prediction nor a label is positive")
    )
    found.ratio("log_loss", row["log_loss"], row["with_score"], reason(_NO_SCORES))
    found.ratio("brier", row["squared_error"], row["with_score"], reason(_NO_SCORES))
    _auc(
        found, scores, reason(_NO_SCORES if not row["with_score"] else "scores of this group are not counted")
    )
    found.ratio("base_rate", positive, n, NOTHING_SCORED)
    found.ratio("mean_score", row["score"], row["with_score"], reason(_NO_SCORES))
    return found


def _auc(found: Findings, scores: Floats | None, otherwise: str) -> None:
    negatives, positives = scores.sum(axis=1).tolist() if scores is not None else (0.0, 0.0)
    if scores is None or negatives + positives <= 0.0:
        found.missing("auc", otherwise)
    elif negatives <= 0.0 or positives <= 0.0:
        found.missing("auc", f"all scored labels are {'negative' if negatives else 'positive'}")
    else:
        found.value("auc", roc_auc(scores[0], scores[1]))
