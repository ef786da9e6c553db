"""Performance as it is likely to be, before labels came: of a window, or of windows taken together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from monitor_stream.events.results import Estimates
from monitor_stream.events.spec import ModelSpec, Task
from monitor_stream.judge.estimates.counted import Counted, counted
from monitor_stream.judge.estimates.sampling import deviations, expected_ece
from monitor_stream.judge.performance import metrics
from monitor_stream.judge.sums import Sums

#: What is estimated, by task; the first is told to be missing where nothing is.
METRICS: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier", "ece"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "regression": ("mae",),
}
#: Standard deviations on either side that hold 95 % of a normal law.
_TWO_SIDED: Final = 1.959964
#: Metrics that have no upper end; all others are shares.
_UNBOUNDED: Final = frozenset({"log_loss", "mae"})


def estimate(sums: Sums, spec: ModelSpec, *, contradicted: bool = False) -> Estimates | None:
    """What the sums foretell; ``None`` where they hold nothing of it. `contradicted` is what labels say of it.

    >>> import numpy as np
    >>> from monitor_stream.judge.sums import Rows
    >>> sums = Sums()
    >>> sums.add("estimates", Rows([""], np.array([[100.0, 250.0]])))
    >>> estimate(sums, ModelSpec(model="m", task="regression")).values
    {'mae': 2.5}
    """
    found, proxies = counted(sums, spec), sums.row("proxies")
    scores = 0.0 if proxies is None else float(proxies[0])
    if (found is None or not found.row["predictions"]) and not scores:
        return None
    if found is None or not found.row["predictions"]:
        reason = "the spec has no estimator" if spec.estimator is None else "no prediction has what it needs"
        told = Estimates(not_computable={METRICS[spec.task][0]: reason})
    else:
        told = _told(found, spec, contradicted=contradicted)
    if proxies is None or not scores:
        return told
    return Estimates(
        n=told.n,
        values=told.values,
        bands=told.bands,
        not_computable=told.not_computable,
        near_threshold=float(proxies[1]) / scores,
        uncertainty=float(proxies[2]) / scores,
        contradicted=told.contradicted,
    )


def _told(found: Counted, spec: ModelSpec, *, contradicted: bool) -> Estimates:
    every = metrics(
        spec.task,
        found.sums,
        scores=found.scores,
        confusion=found.confusion,
        calibration=found.calibration,
    )
    names, spread = METRICS[spec.task], spec.estimator.spread if spec.estimator else {}
    values = {name: every.values[name] for name in names if name in every.values}
    apart = deviations(found, spec)
    if "ece" in values and found.calibration is not None:
        values["ece"], apart["ece"] = expected_ece(found.calibration)
    return Estimates(
        n=round(found.row["predictions"]),
        values=values,
        bands={
            name: _band(name, value, math.hypot(apart[name], spread.get(name, 0.0)))
            for name, value in values.items()
            if name in apart
        },
        not_computable={
            name: reason for name, reason in every.not_computable.items() if name in names and name != "ece"
        },
        contradicted=contradicted,
    )


def _band(name: str, value: float, deviation: float) -> tuple[float, float]:
    reach = _TWO_SIDED * deviation
    highest = math.inf if name in _UNBOUNDED else 1.0
    return max(value - reach, 0.0), min(value + reach, highest)
