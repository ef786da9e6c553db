"""How right a model was on its reference rows: metrics with their spread, and the scale of its error."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import SpecError
from monitor_stream.events.results import Window
from monitor_stream.events.spec import Baseline, ErrorScale, ModelSpec, Specs
from monitor_stream.profile.error_spread import scored, with_spread
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.encode import seconds
from monitor_stream.replay.order import BLOCK, Feed
from monitor_stream.replay.run import replay
from monitor_stream.replay.table import events

#: Reference windows: as many of `min_samples` rows as there are, within these bounds.
FEWEST, MOST = 10, 100

_TIME = "__time__"
_BEGIN = 1_000_000_000


def measure(rows: Any, spec: ModelSpec, columns: Columns) -> tuple[dict[str, Baseline], ErrorScale]:
    """Baseline metrics and error scale of the rows that have a label, in their order.

    The two folds themselves measure it, over windows of equally many rows, so that the reference and what is
    compared with it are the same by construction. With windows of `min_samples` rows the spread is that of the
    smallest sample that is ever judged. Where `columns` names a time, the spread of the error from span to span is
    measured too.

    Raises `SpecError` when no row has both an answer and a label.
    """
    rows = rows.filter(pc.is_valid(rows[columns.label]))
    size = _window_rows(len(rows), spec.min_samples)
    count = len(rows) // size if size else 0
    rows = rows.slice(len(rows) - count * size)
    # One row a second: a window of so many seconds holds so many rows.
    begin = math.ceil(_BEGIN / size) * size if size else _BEGIN
    rows = rows.append_column(_TIME, pa.array(np.arange(begin, begin + len(rows), dtype=np.float64)))
    alone = _alone(spec, float(size))
    columns, at = msgspec.structs.replace(columns, timestamp=_TIME), columns.timestamp
    found = replay(_feed(rows, alone, columns), Specs([alone]))
    windows = [window for window in found.windows if window.metrics.scored]
    if not windows:
        raise SpecError(
            f"No row has both an answer and a label that fit a {spec.task} task: no baseline can be measured"
        )
    scale = _error_scale(windows, spec)
    if at:
        order, error = scored(_feed(rows, alone, columns), alone)
        times = seconds(rows[at], at)[(order - begin).astype(np.int64)]
        known = np.isfinite(times)
        scale = with_spread(scale, times[known], error[known], spec)
    return _baseline(windows), scale


def _window_rows(rows: int, min_samples: int) -> int:
    return rows // min(max(rows // min_samples, FEWEST), MOST) or rows


def _feed(rows: Any, spec: ModelSpec, columns: Columns) -> Feed:
    """The rows as events, a block at a time: as text they are many times as large."""
    for begin in range(0, len(rows), BLOCK):
        predictions, labels = events(rows.slice(begin, BLOCK), spec, columns, first_row=begin)
        yield "predictions", predictions
        yield "labels", labels


def _alone(spec: ModelSpec, seconds: float) -> ModelSpec:
    """The spec with nothing but answers and labels, in windows of so many seconds."""
    return msgspec.structs.replace(
        spec,
        features=[],
        segments=[],
        sensitive=[],
        window_seconds=seconds,
        horizon_seconds=seconds,
        allowed_disorder_seconds=0.0,
    )


def _baseline(windows: Sequence[Window]) -> dict[str, Baseline]:
    found: dict[str, list[float]] = defaultdict(list)
    for window in windows:
        for name, value in window.metrics.values.items():
            found[name].append(value)
    return {
        name: Baseline(
            mean=float(np.mean(values)),
            std=float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
            windows=len(values),
        )
        for name, values in found.items()
    }


def _error_scale(windows: Sequence[Window], spec: ModelSpec) -> ErrorScale:
    """Mean and standard deviation of the error signal over all pairs, from the windows' moments."""
    scored = np.array([window.metrics.scored for window in windows], np.float64)
    if spec.task == "regression":
        mean = _mean(windows, "mae", scored, power=1)
        square = _mean(windows, "rmse", scored, power=2)
    else:
        # An error of 0 or 1 is its own square.
        mean = square = float(sum(window.metrics.bad for window in windows) / scored.sum())
    return ErrorScale(mean=mean, std=math.sqrt(max(square - mean * mean, 0.0)))


def _mean(windows: Sequence[Window], metric: str, scored: Any, *, power: int) -> float:
    values = np.array([window.metrics.values[metric] for window in windows])
    return float(np.average(values**power, weights=scored))
