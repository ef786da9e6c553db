"""Metrics of a binary classification from sums over its scored pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor_stream.events.delta import Floats
from monitor_stream.judge.performance.expected_calibration import UNCOUNTED, by_bin, distance
from monitor_stream.judge.performance.findings import NOTHING_SCORED, Findings
from monitor_stream.judge.performance.intervals.delong import auc_interval
from monitor_stream.judge.performance.intervals.losses import loss_interval
from monitor_stream.judge.performance.intervals.wilson import f1_interval, wilson
from monitor_stream.judge.performance.roc import roc_auc

_NO_SCORES = "no scores"


def binary_metrics(
    row: Mapping[str, float], scores: Floats | None, calibration: Floats | None = None
) -> Findings:
    """``accuracy precision recall f1 log_loss brier auc ece base_rate mean_score``, from the positive class's view.

    `log_loss` (natural logarithm), `brier`, `mean_score`, `auc` and `ece` are over pairs that carry a score, the others over
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
    _ece(found, row, calibration, reason)
    found.ratio("base_rate", positive, n, NOTHING_SCORED)
    found.ratio("mean_score", row["score"], row["with_score"], reason(_NO_SCORES))
    _intervals(found, row)
    return found


def _intervals(found: Findings, row: Mapping[str, float]) -> None:
    """Of all but AUC; the mean score has none, for want of its squares."""
    hits, false, missed = row["true_positive"], row["false_positive"], row["false_negative"]
    found.interval("accuracy", wilson(hits + row["true_negative"], row["scored"]))
    found.interval("precision", wilson(hits, hits + false))
    found.interval("recall", wilson(hits, hits + missed))
    found.interval("f1", f1_interval(hits, false + missed))
    found.interval("base_rate", wilson(hits + missed, row["scored"]))
    n = row["with_score"]
    found.interval("log_loss", loss_interval(n, row["log_loss"], row["log_loss_squared"]))
    found.interval("brier", loss_interval(n, row["squared_error"], row["quartic_error"], highest=1.0))


def _ece(
    found: Findings, row: Mapping[str, float], calibration: Floats | None, reason: Callable[[str], str]
) -> None:
    if calibration is None:
        found.missing("ece", reason(UNCOUNTED if row["with_score"] else _NO_SCORES))
    else:
        found.ratio("ece", distance(calibration), float(by_bin(calibration)[:, 0].sum()), reason(_NO_SCORES))


def _auc(found: Findings, scores: Floats | None, otherwise: str) -> None:
    negatives, positives = scores.sum(axis=1).tolist() if scores is not None else (0.0, 0.0)
    if scores is None or negatives + positives <= 0.0:
        found.missing("auc", otherwise)
    elif negatives <= 0.0 or positives <= 0.0:
        found.missing("auc", f"all scored labels are {'negative' if negatives else 'positive'}")
    else:
        auc = roc_auc(scores[0], scores[1])
        found.value("auc", auc)
        found.interval("auc", auc_interval(scores[0], scores[1], auc))
