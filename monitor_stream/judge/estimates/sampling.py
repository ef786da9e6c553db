r"""How far a realised metric lies from the estimated one by sampling alone, if each foretold probability is right.

The labels of n predictions are independent, each positive with its own probability p: counts of them follow the
Poisson-binomial law, with variance :math:`\sum p (1 - p)`. What is a function of counts has its variance by the delta method.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from scipy.special import erf

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import OTHER, ModelSpec
from monitor_stream.events.tables import confusion_group, split_confusion
from monitor_stream.judge.estimates.counted import LOG_ODDS, SCORES, Counted
from monitor_stream.judge.performance.expected_calibration import by_bin


def deviations(found: Counted, spec: ModelSpec) -> dict[str, float]:
    """Metric → standard deviation; of as many predictions as were foretold (1 or more).

    >>> row = {"predictions": 100.0, "correct": 80.0, "log_loss": 50.0, "variance": 16.0}
    >>> spec = ModelSpec(model="m", task="multiclass")
    >>> {k: round(v, 3) for k, v in deviations(Counted(row, np.empty(0), None, None, None), spec).items()}
    {'accuracy': 0.04, 'log_loss': 0.1}
    """
    if spec.task == "regression":
        return _regression(found.row, spec)
    if spec.task == "binary":
        return _binary(found.row) | ({} if found.scores is None else _of_scores(found.scores))
    return _multiclass(found.row, found.confusion)


def expected_ece(calibration: Floats) -> tuple[float, float]:
    """What the calibration error of so many pairs is in the mean, and its standard deviation: a distance that is measured on few
    pairs is larger than the true one, as that of each bin is the absolute value of something normal (folded normal law).

    >>> calibration = np.array([100.0, 50.0, 50.0] + [0.0] * 27)
    >>> [round(value, 3) for value in expected_ece(calibration)]
    [0.04, 0.03]

    References
    ----------
    Leone, Nelson and Nottingham (1961), The folded normal distribution, Technometrics 3.
    """
    pairs, score, positive = by_bin(calibration).T
    held = pairs > 0.0
    pairs, distance, positive = pairs[held], (score - positive)[held], positive[held]
    variance = np.maximum(positive * (1.0 - positive / pairs), 1e-12)
    spread = np.sqrt(variance)
    mean = spread * math.sqrt(2.0 / math.pi) * np.exp(-(distance**2) / (2.0 * variance))
    mean += distance * erf(distance / (spread * math.sqrt(2.0)))
    beyond = np.maximum(distance**2 + variance - mean**2, 0.0)
    return float(mean.sum() / pairs.sum()), float(math.sqrt(beyond.sum()) / pairs.sum())


def _regression(row: Mapping[str, float], spec: ModelSpec) -> dict[str, float]:
    """The errors vary about what was foretold as they did on the reference."""
    gap = spec.estimator.gap if spec.estimator else None
    known = gap or spec.error_scale
    return {} if known is None else {"mae": known.std / math.sqrt(row["predictions"])}


def _binary(row: Mapping[str, float]) -> dict[str, float]:
    hits, false, missed = row["true_positive"], row["false_positive"], row["false_negative"]
    said, denied = hits + false, missed + row["true_negative"]
    # Of predictions that are all alike the hits among those said positive vary by hits · false / said. They are not alike, and vary
    # by less: as much less as all of them do.
    alike = _ratio(hits * false, said) + _ratio(missed * row["true_negative"], denied)
    share = min(_ratio(row["variance"], alike), 1.0)
    of_hits, of_missed = (
        share * _ratio(hits * false, said),
        share * _ratio(missed * row["true_negative"], denied),
    )
    positive, both = hits + missed, said + hits + missed
    return {
        "accuracy": math.sqrt(row["variance"]) / row["predictions"],
        "precision": _ratio(math.sqrt(of_hits), said),
        "recall": _ratio(math.hypot(missed * math.sqrt(of_hits), hits * math.sqrt(of_missed)), positive**2),
        "f1": _ratio(
            math.hypot(2.0 * (both - hits) * math.sqrt(of_hits), 2.0 * hits * math.sqrt(of_missed)), both**2
        ),
    }


def _of_scores(scores: Floats) -> dict[str, float]:
    """Of metrics that depend on the scores, from the expected numbers of each class by bin; shape (2, bins)."""
    negatives, positives = scores
    totals = negatives + positives
    n = float(totals.sum())
    variance = np.divide(negatives * positives, totals, out=np.zeros_like(totals), where=totals > 0.0)
    found = {
        "log_loss": math.sqrt(float((variance * LOG_ODDS**2).sum())) / n,
        "brier": math.sqrt(float((variance * (1.0 - 2.0 * SCORES) ** 2).sum())) / n,
    }
    negative, positive = float(negatives.sum()), float(positives.sum())
    if negative > 0.0 and positive > 0.0:
        # A label that is positive rather than negative wins against the negatives below, and no longer loses to the positives above.
        below = np.cumsum(negatives) - 0.5 * negatives
        above = positive - np.cumsum(positives) + 0.5 * positives
        area = float(positives @ below) / (positive * negative)
        slope = (below - above) / (positive * negative) - area * (1.0 / positive - 1.0 / negative)
        found["auc"] = math.sqrt(float((variance * slope**2).sum()))
    return found


def _multiclass(row: Mapping[str, float], confusion: Mapping[str, float] | None) -> dict[str, float]:
    n, wrong = row["predictions"], (row["predictions"] - row["correct"]) / row["predictions"]
    # The loss is nearly all in the wrong answers: a share w of mean L / w has a variance of L² (1 / w − 1) about L.
    loss = row["log_loss"] / n
    found = {
        "accuracy": math.sqrt(row["variance"]) / n,
        "log_loss": loss * math.sqrt(max(_ratio(1.0, wrong) - 1.0, 1.0) / n),
    }
    if confusion:
        found["macro_f1"] = _macro_f1(row, confusion)
    return found


def _macro_f1(row: Mapping[str, float], confusion: Mapping[str, float]) -> float:
    """By the delta method: the labels of those who were called one class follow a multinomial law, row by row of the matrix."""
    said: dict[str, float] = defaultdict(float)
    named: dict[str, float] = defaultdict(float)
    for group, pairs in confusion.items():
        prediction, label = split_confusion(group)
        said[prediction] += pairs
        named[prediction] += pairs
        named[label] += pairs
    hits = {name: confusion.get(confusion_group(name, name), 0.0) for name in named}
    classes = {name for name in named if name != OTHER and named[name] > 0.0}
    first: dict[str, float] = defaultdict(float)
    second: dict[str, float] = defaultdict(float)
    for group, pairs in confusion.items():
        prediction, label = split_confusion(group)
        if label in classes:
            slope = (2.0 * (prediction == label) - 2.0 * hits[label] / named[label]) / named[label]
            first[prediction] += pairs * slope
            second[prediction] += pairs * slope**2
    alike = sum(hits[name] * (1.0 - _ratio(hits[name], count)) for name, count in said.items())
    share = min(_ratio(row["variance"], alike), 1.0)
    total = sum(second[name] - _ratio(first[name] ** 2, count) for name, count in said.items())
    return math.sqrt(max(share * total, 0.0)) / max(len(classes), 1)


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0.0 else 0.0
