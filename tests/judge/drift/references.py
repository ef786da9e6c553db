"""References as `profile` makes them, of a few numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from loadtest.evaluation.null import numeric as _numeric
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, NumericReference


def numeric(values: Floats) -> NumericReference:
    """The reference of a numeric column that holds these values; one whose moments overflow has none."""
    return _numeric(np.asarray(values, np.float64))


def categorical(counts: Mapping[str, float], n: int = 10_000) -> CategoricalReference:
    """The reference of a categorical column with values in this proportion."""
    total = sum(counts.values())
    return CategoricalReference(
        n=n, missing=0.0, shares={name: count / total for name, count in counts.items()}
    )
