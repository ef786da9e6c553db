"""Scored pairs as the sums that a `performance` row holds, written plainly: what the folds must agree with."""

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.spec import Task
from monitor_stream.events.tables import CALIBRATION_BINS, PERFORMANCE, SCORE_BINS, confusion_group


def regression_row(prediction: Floats, label: Floats, centre: float = 0.0) -> Floats:
    error, centred = prediction - label, label - centre
    sums = {
        "scored": len(label),
        "bad": np.sum(np.abs(error) > 1.0),
        "error": error.sum(),
        "absolute_error": np.abs(error).sum(),
        "squared_error": np.square(error).sum(),
        "label": centred.sum(),
        "label_squared": np.square(centred).sum(),
        "absolute_label": np.abs(label).sum(),
        "quartic_error": np.sum(error**4),
        "error_by_label": np.sum(np.abs(error) * np.abs(label)),
    }
    return _row(sums, "regression")


def binary_row(score: Floats, label: Floats, threshold: float = 0.5) -> Floats:
    positive, predicted = label > 0.5, score >= threshold
    clipped = np.clip(score, 1e-15, 1 - 1e-15)
    sums = {
        "scored": len(label),
        "bad": np.sum(positive != predicted),
        "true_positive": np.sum(positive & predicted),
        "false_positive": np.sum(~positive & predicted),
        "true_negative": np.sum(~positive & ~predicted),
        "false_negative": np.sum(positive & ~predicted),
        "with_score": len(label),
        "log_loss": -np.sum(np.where(positive, np.log(clipped), np.log1p(-clipped))),
        "squared_error": np.square(score - label).sum(),
        "score": score.sum(),
        "log_loss_squared": np.sum(np.where(positive, np.log(clipped), np.log1p(-clipped)) ** 2),
        "quartic_error": np.sum((score - label) ** 4),
    }
    return _row(sums, "binary")


def score_counts(score: Floats, label: Floats) -> Floats:
    bins = score_bin(score)
    return np.array([np.bincount(bins[label == side], minlength=SCORE_BINS) for side in (0.0, 1.0)], float)


def calibration_row(score: Floats, label: Floats) -> Floats:
    """In ten bins of equal width, as without a reference of the score."""
    bins = np.searchsorted(np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS, score)
    sums = [
        np.bincount(bins, each, minlength=CALIBRATION_BINS) for each in (np.ones(len(score)), score, label)
    ]
    return np.array(sums, float).T.ravel()


def with_intervals(row: Floats, covered: int, of: int, width: float) -> Floats:
    """A row of a regression whose predictions came with intervals."""
    added = dict(zip(PERFORMANCE["regression"], row, strict=True))
    return np.array(
        list((added | {"with_interval": of, "covered": covered, "interval_width": width}).values())
    )


def multiclass_row(
    prediction: list[str], label: list[str], log_loss: float = 0.0, with_score: int = 0
) -> Floats:
    wrong = sum(p != t for p, t in zip(prediction, label, strict=True))
    sums = {"scored": len(label), "bad": wrong, "with_score": with_score, "log_loss": log_loss}
    return _row(sums, "multiclass")


def _row(sums: dict[str, float], task: Task) -> Floats:
    """Columns that are not named hold what these pairs have not: intervals, and errors that were foretold."""
    return np.array([sums.get(name, 0.0) for name in PERFORMANCE[task]], float)


def confusion(prediction: list[str], label: list[str]) -> dict[str, float]:
    counts: dict[str, float] = {}
    for cell in map(confusion_group, prediction, label):
        counts[cell] = counts.get(cell, 0.0) + 1.0
    return counts
