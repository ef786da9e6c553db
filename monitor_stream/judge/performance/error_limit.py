"""From where on the error signal is worse than the baseline allows."""

from __future__ import annotations

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.performance.band import limits


def error_limit(spec: ModelSpec) -> float | None:
    """The baseline's limit for the error signal: that of the MAE, or of the error rate; ``None`` where none is known.

    >>> from monitor_stream.events.spec import Baseline
    >>> round(
    ...     error_limit(ModelSpec(model="m", task="binary", baseline={"accuracy": Baseline(0.9, 0.01, 10)})),
    ...     3,
    ... )
    0.13
    """
    known = limits(spec.task, spec.baseline)
    if spec.task == "regression":
        return known.get("mae")
    return 1.0 - known["accuracy"] if "accuracy" in known else None
