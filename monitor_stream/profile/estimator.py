"""How right a model is likely to be before labels come: what the reference rows say, and how far it can be believed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Window
from monitor_stream.events.spec import ErrorScale, Estimator, ModelSpec
from monitor_stream.judge.detectors import SpanRules
from monitor_stream.judge.detectors.scale import REACH, Scale
from monitor_stream.judge.detectors.spans import ErrorSpans
from monitor_stream.judge.detectors.spread import between, persistence
from monitor_stream.judge.errors_in_order import Pairs
from monitor_stream.profile.loss_model import Binned, chosen, fit
from monitor_stream.profile.rounding import significant

#: Rows with an answer and a label, below which nothing is fitted.
FEWEST: Final = 200
#: Stretches of time; what is foretold in one was fitted on the others.
BLOCKS: Final = 5
#: Standard deviations between the ends of a band of 95 %, halved.
_TWO_SIDED: Final = 1.959964


def blocks(count: int) -> list[slice]:
    """So many windows or rows in `BLOCKS` stretches, none empty.

    >>> blocks(12)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None), slice(7, 9, None), slice(9, 12, None)]
    """
    edges = [count * at // BLOCKS for at in range(BLOCKS + 1)]
    return [slice(first, last) for first, last in itertools.pairwise(edges) if last > first]


def spread(windows: Sequence[Window]) -> dict[str, float]:
    """Metric → how far realised values lay from estimated ones beyond sampling (root mean square); see `Estimator.spread`.

    The windows' bands are those of sampling alone, and what was foretold in them was fitted on others.
    """
    gaps: dict[str, list[tuple[float, float]]] = {}
    for window in windows:
        found = window.estimates
        for name, (low, high) in ({} if found is None else found.bands).items():
            if found is not None and name in window.metrics.values:
                value = found.values[name]
                # A band is cut off at one end at most.
                deviation = max(high - value, value - low) / _TWO_SIDED
                gaps.setdefault(name, []).append((window.metrics.values[name] - value, deviation))
    return {name: apart(np.array(some)[:, 0], np.array(some)[:, 1]) for name, some in gaps.items()}


def apart(gaps: Floats, deviations: Floats) -> float:
    """How far gaps lie from 0 beyond their deviations.

    >>> apart(np.array([0.5, -0.5]), np.array([0.3, 0.3]))
    0.4
    """
    beyond = float((gaps**2 - deviations**2).mean())
    return significant(math.sqrt(max(beyond, 0.0)), 4)


def gap_scale(times: Floats, pairs: Pairs, scale: ErrorScale, spec: ModelSpec) -> ErrorScale:
    """Mean and spread of error less foretold error, as they are followed on the stream; see `Estimator.gap`.

    Parameters
    ----------
    times
        When each pair was predicted (Unix seconds), ascending; NaN where nobody says.
    scale
        Of the error.
    """
    unit = Scale.of(spec.task, scale, reach=REACH).unit
    gaps = np.clip(pairs.error, 0.0, unit) - np.clip(pairs.foretold, 0.0, unit)
    rules, std = SpanRules.of(spec), float(gaps.std())
    known = np.isfinite(times)
    runs = list(ErrorSpans(rules.seconds, rules.least).add(times[known], gaps[known]))
    means, counts = np.array([run.mean for run in runs]), np.array([run.n for run in runs])
    found = between(means, counts, std)
    return ErrorScale(
        mean=significant(float(gaps.mean())),
        std=significant(std),
        between=significant(found),
        spans=len(runs),
        persistence=significant(persistence(means)) if found else 0.0,
    )


def of_losses(
    rows: Binned, times: Floats, scale: ErrorScale, spec: ModelSpec, window_rows: int
) -> Estimator | str:
    """The estimator of a regression, or why there is none.

    Parameters
    ----------
    rows, times
        In the order of time.
    window_rows
        How many rows a reference window has.
    """
    if len(rows.errors) < FEWEST:
        return f"fewer than {FEWEST} rows have an answer and a label"
    penalty, foretold = chosen(rows, blocks(len(rows.errors)))
    left, plain = rows.errors - foretold, _others_mean(rows.errors)
    if float((left**2).mean()) >= float(((rows.errors - plain) ** 2).mean()):
        return "the size of the error does not follow from the columns"
    gap = gap_scale(times, Pairs(times, rows.errors, foretold), scale, spec)
    count = len(left) // window_rows
    means = left[len(left) - count * window_rows :].reshape(count, window_rows).mean(axis=1)
    return Estimator(
        loss=fit(rows, penalty),
        spread={"mae": apart(means, np.full(count, gap.std / math.sqrt(window_rows)))},
        gap=gap,
        rows=len(rows.errors),
    )


def _others_mean(errors: Floats) -> Floats:
    """Of each row the mean error of the other blocks: what would be foretold without any column."""
    plain = np.empty(len(errors))
    for block in blocks(len(errors)):
        plain[block] = np.delete(errors, block).mean()
    return plain
