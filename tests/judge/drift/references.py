"""References as `profile` makes them, of a few numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, NumericReference
from monitor_stream.judge.drift.reference import numeric_reference


def numeric(values: Floats) -> NumericReference:
    """The reference of a numeric column that holds these values."""
    return numeric_reference(np.asarray(values, np.float64), len(values))


def categorical(counts: Mapping[str, float], n: int = 10_000) -> CategoricalReference:
    """The reference of a categorical column with values in this proportion."""
    total = sum(counts.values())
    return CategoricalReference(
        n=n, missing=0.0, shares={name: count / total for name, count in counts.items()}
    )
