"""What the demo saw, in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from monitor_stream.demo.watch import Watch
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Window
from monitor_stream.events.tables import SCORE_BINS
from monitor_stream.judge.performance.roc import roc_auc


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """A local month: flights with a label, the share of them that was late, and how well the score ranked them."""

    month: int
    predictions: int
    labelled: int
    late_share: float
    accuracy: float
    auc: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--summary`` writes.

    `predictions_unlabelled` had no label by the end: they waited for the whole horizon, or wait still. `windows` are
    different windows, whatever number of revisions they had. `events_per_second` counts from the first event sent
    until the last one was judged, `seconds` too.
    """

    predictions: int
    labels_joined: int
    predictions_unlabelled: int
    predictions_expired: int
    predictions_waiting: int
    windows: int
    windows_settled: int
    detections: int
    incidents: int
    dead_letters: int
    late_rows: int
    events_per_second: float
    seconds: float
    worker_restarts: int
    months: list[Month]


def summarise(watch: Watch, months: Mapping[int, int], *, seconds: float, worker_restarts: int) -> Summary:
    """Sum up, from what the monitor published and nothing else.

    Parameters
    ----------
    months
        The local month of each hour, by its start in Unix seconds.
    """
    version = watch.version
    if version is None or watch.model is None:
        raise ValueError("nothing was published")
    totals = version.totals
    predictions, joined = sum(totals.predictions.values()), totals.outcomes.get("joined", 0)
    return Summary(
        predictions=predictions,
        labels_joined=joined,
        predictions_unlabelled=predictions - joined,
        predictions_expired=totals.outcomes.get("expired", 0),
        predictions_waiting=version.pending,
        windows=len(watch.windows),
        windows_settled=sum(window.settled for window in watch.windows.values()),
        detections=sum(totals.detections.values()),
        incidents=len(watch.incidents),
        dead_letters=watch.dead_letters.total(),
        late_rows=totals.late_rows,
        events_per_second=round(watch.records.total() / seconds, 1),
        seconds=round(seconds, 3),
        worker_restarts=worker_restarts,
        months=[
            _month(month, [start for start in watch.windows if months[start] == month], watch)
            for month in sorted({months[start] for start in watch.windows})
        ],
    )


def _month(month: int, starts: Iterable[int], watch: Watch) -> Month:
    windows = [watch.windows[start] for start in starts]
    scores = sum(
        (watch.scores[int(window.start.timestamp())] for window in windows), np.zeros((2, SCORE_BINS))
    )
    return Month(
        month=month,
        predictions=sum(window.n for window in windows),
        labelled=sum(window.labelled for window in windows),
        late_share=_mean(windows, "base_rate"),
        accuracy=_mean(windows, "accuracy"),
        auc=_auc(scores),
    )


def _mean(windows: Sequence[Window], metric: str) -> float:
    """The mean over all pairs, of a metric that is a mean over each window's pairs."""
    scored = sum(window.metrics.scored for window in windows)
    total = sum(w.metrics.values[metric] * w.metrics.scored for w in windows if w.metrics.scored)
    return total / scored if scored else 0.0


def _auc(scores: Floats) -> float:
    """As the monitor reckons it, from the score histograms of the windows added up."""
    return roc_auc(scores[0], scores[1]) if scores.sum(axis=1).all() else 0.0
