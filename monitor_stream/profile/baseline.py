"""How right a model was on its reference rows: metrics with their spread, and the scale of its error."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import SpecError
from monitor_stream.events.results import Window
from monitor_stream.events.spec import Baseline, ErrorScale, Estimator, ModelSpec, Specs
from monitor_stream.judge.errors_in_order import Pairs
from monitor_stream.profile.calibration_maps import Scored, maps, scored_classes
from monitor_stream.profile.error_spread import joined, scored, with_spread
from monitor_stream.profile.estimator import BLOCKS, FEWEST, blocks, gap_scale, spread
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.encode import seconds
from monitor_stream.replay.order import BLOCK, Feed
from monitor_stream.replay.run import replay
from monitor_stream.replay.table import events

#: Reference windows: as many of `min_samples` rows as there are, within these bounds.
FEWEST_WINDOWS, MOST_WINDOWS = 10, 100

_TIME = "__time__"
_BEGIN = 1_000_000_000


class Measured(NamedTuple):
    """Metrics over reference windows, the scale of the error, how many rows a window had, and what estimates performance before
    labels in a classification, or why nothing does.
    """

    baseline: dict[str, Baseline]
    scale: ErrorScale
    window_rows: int
    estimator: Estimator | str


def measure(rows: Any, spec: ModelSpec, columns: Columns) -> Measured:
    """Baseline metrics, error scale and estimator of the rows that have a label, in their order.

    The two folds themselves measure it, over windows of equally many rows, so that the reference and what is
    compared with it are the same by construction. With windows of `min_samples` rows the spread is that of the
    smallest sample that is ever judged. Where `columns` names a time, the spread of the error from span to span is
    measured too. What was foretold of a window was fitted on others (`estimator.blocks`), lest estimates look better here than
    anywhere else.

    Raises `SpecError` when no row has both an answer and a label.
    """
    rows = rows.filter(pc.is_valid(rows[columns.label]))
    size = _window_rows(len(rows), spec.min_samples)
    count = len(rows) // size if size else 0
    classes = scored_classes(rows, spec, columns)
    why = _lacking(classes, count, spec)
    # One row a second: a window of so many seconds holds so many rows. Rows at the front that fill no window are in none.
    begin = math.ceil(_BEGIN / size) * size if size else _BEGIN
    second = begin + np.arange(len(rows), dtype=np.float64) - (len(rows) - count * size)
    rows = rows.append_column(_TIME, pa.array(second))
    columns, at = msgspec.structs.replace(columns, timestamp=_TIME), columns.timestamp
    windows: list[Window] = []
    pairs: list[Pairs] = []
    for block in [slice(0, count)] if why else blocks(count):
        own = (second >= begin + block.start * size) & (second < begin + block.stop * size)
        alone = _alone(spec, float(size), None if why else Estimator(maps=maps(classes, ~own)))
        part = rows.filter(pa.array(own))
        windows += replay(_feed(part, alone, columns), Specs([alone])).windows
        pairs.append(scored(_feed(part, alone, columns), alone))
    windows = [window for window in windows if window.metrics.scored]
    if not windows:
        raise SpecError(
            f"No row has both an answer and a label that fit a {spec.task} task: no baseline can be measured"
        )
    scale, found = _error_scale(windows, spec), joined(pairs)
    times = np.full(len(found.order), np.nan)
    if at:
        times = seconds(rows[at], at)[(found.order - second[0]).astype(np.int64)]
        known = np.isfinite(times)
        scale = with_spread(scale, times[known], found.error[known], spec)
    told = np.isfinite(found.foretold)
    if why or not told.any():
        return Measured(_baseline(windows), scale, size, why or "no row with an answer has a score")
    estimator = Estimator(
        maps=maps(classes, np.ones(len(rows), bool)),
        spread=spread(windows),
        gap=gap_scale(times[told], found.at(told), scale, spec),
        rows=int(np.count_nonzero(classes[0].known)),
    )
    return Measured(_baseline(windows), scale, size, estimator)


def _lacking(classes: Sequence[Scored], windows: int, spec: ModelSpec) -> str:
    """Why no estimator of a classification can be fitted; empty where one can."""
    if spec.task == "regression":
        return "nothing foretells the size of the error"
    if not classes:
        return "no score says how sure the model is"
    if windows < BLOCKS or max(int(np.count_nonzero(each.known)) for each in classes) < FEWEST:
        return f"fewer than {FEWEST} rows have a score and a label"
    if spec.task == "binary" and len(np.unique(classes[0].positive[classes[0].known])) < 2:
        return "all labels are of one class"
    return ""


def _window_rows(rows: int, min_samples: int) -> int:
    return rows // min(max(rows // min_samples, FEWEST_WINDOWS), MOST_WINDOWS) or rows


def _feed(rows: Any, spec: ModelSpec, columns: Columns) -> Feed:
    """The rows as events, a block at a time: as text they are many times as large."""
    for begin in range(0, len(rows), BLOCK):
        predictions, labels = events(rows.slice(begin, BLOCK), spec, columns, first_row=begin)
        yield "predictions", predictions
        yield "labels", labels


def _alone(spec: ModelSpec, seconds: float, estimator: Estimator | None) -> ModelSpec:
    """The spec with nothing but answers and labels, and what foretells errors, in windows of so many seconds."""
    return msgspec.structs.replace(
        spec,
        features=[],
        segments=[],
        sensitive=[],
        segment_pairs=[],
        estimator=estimator,
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
