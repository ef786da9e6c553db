"""What is foretold of some predictions, as the counts that their labels would make."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from monitor_stream.events.calibration_bins import calibration_edges
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec, Task
from monitor_stream.events.tables import (
    CALIBRATION_BINS,
    ESTIMATES,
    PERFORMANCE,
    SCORE_BINS,
    SCORE_LOGIT_LIMIT,
)
from monitor_stream.judge.sums import Sums

#: The log-odds in the middle of each bin of scores.
LOG_ODDS: Final[Floats] = (
    (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS * 2.0 * SCORE_LOGIT_LIMIT
) - SCORE_LOGIT_LIMIT
#: The score in the middle of each bin.
SCORES: Final[Floats] = 1.0 / (1.0 + np.exp(-LOG_ODDS))


class Counted(NamedTuple):
    """The row of `estimates` by column, and what the metrics are made of: see `judge.performance.metrics`."""

    row: dict[str, float]
    sums: Floats
    scores: Floats | None
    confusion: dict[str, float] | None
    calibration: Floats | None


def counted(sums: Sums, spec: ModelSpec) -> Counted | None:
    """The expected counts of a window; ``None`` where nothing was foretold, or of another task."""
    found = sums.row("estimates")
    if found is None or len(found) != len(ESTIMATES[spec.task]):
        return None
    row = dict(zip(ESTIMATES[spec.task], found.tolist(), strict=True))
    scores, cells = sums.tables.get("estimated_scores"), sums.tables.get("estimated_confusion")
    by_class = None if scores is None else np.stack([scores.row("negative"), scores.row("positive")])
    return Counted(
        row,
        _performance(row, spec.task),
        by_class,
        None if cells is None else dict(zip(cells.groups, cells.rows[:, 0].tolist(), strict=True)),
        None if by_class is None else _calibration(by_class, spec),
    )


def _performance(row: dict[str, float], task: Task) -> Floats:
    """As a row of `performance`."""
    n = row["predictions"]
    known = {"scored": n, "with_score": n}
    if task == "regression":
        known |= {"absolute_error": row["absolute_error"]}
    elif task == "binary":
        known |= {"bad": row["false_positive"] + row["false_negative"]}
        known |= {name: row[name] for name in row if name not in {"predictions", "variance"}}
    else:
        known |= {"bad": n - row["correct"], "log_loss": row["log_loss"]}
    return np.array([known.get(name, 0.0) for name in PERFORMANCE[task]])


def _calibration(scores: Floats, spec: ModelSpec) -> Floats:
    """As a row of `calibration`: how many, the sum of their scores, and the expected number of positives, by bin."""
    place = np.searchsorted(calibration_edges(spec), SCORES)
    totals = scores.sum(axis=0)
    columns = [
        np.bincount(place, weights, CALIBRATION_BINS) for weights in (totals, totals * SCORES, scores[1])
    ]
    row: Floats = np.stack(columns, axis=1).astype(np.float64).ravel()
    return row
