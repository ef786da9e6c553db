"""The interval of macro F1, by the delta method on a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from monitor_stream.events.tables import split_confusion
from monitor_stream.judge.performance.intervals import Z95, Interval

#: Times that each class is predicted or true, at least: an F1 of fewer is hardly normal.
LEAST_OF_CLASS: Final = 30


def macro_f1_interval(
    confusion: Mapping[str, float], scores: Mapping[str, float], named: Mapping[str, float]
) -> Interval | None:
    """From pairs by `confusion_group`, the F1 of each class that counts, and how often each is predicted and true together.

    The counts are multinomial; F1 of class k falls by F1 / D for each pair that is of k on one side only and rises by
    ``2 (1 - F1) / D`` for one that is on both, D = predicted + true.

    References
    ----------
    Takahashi, Yamamoto, Kuchiba and Koyama (2022), Confidence interval for micro-averaged F1 and macro-averaged F1 scores.
    """
    n = sum(confusion.values())
    if not scores or min(named[name] for name in scores) < LEAST_OF_CLASS:
        return None
    slopes = {group: _slope(*split_confusion(group), scores, named) / len(scores) for group in confusion}
    mean = sum(pairs * slopes[group] for group, pairs in confusion.items()) / n
    square = sum(pairs * slopes[group] ** 2 for group, pairs in confusion.items()) / n
    # Slopes are by counts: n times as large by shares.
    error = math.sqrt(max(square - mean * mean, 0.0) * n)
    macro = sum(scores.values()) / len(scores)
    if error <= 0.0:
        return None
    return max(macro - Z95 * error, 0.0), min(macro + Z95 * error, 1.0)


def _slope(prediction: str, label: str, scores: Mapping[str, float], named: Mapping[str, float]) -> float:
    """By how much one more pair raises the sum of the classes' F1."""
    if prediction == label:
        return 2.0 * (1.0 - scores[label]) / named[label] if label in scores else 0.0
    return -sum(scores[name] / named[name] for name in (prediction, label) if name in scores)
