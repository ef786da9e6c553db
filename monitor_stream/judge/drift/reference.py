"""What a column of reference rows looks like: made by `profile` from training rows, and by JUDGE from sampled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, NumericReference

#: Equal-mass bins of a numeric column: four make a decile.
BINS: Final = 40
#: Categories kept by name.
CATEGORIES: Final = 50


def edges_of(values: Floats) -> Floats:
    """The inner edges of equal-mass bins of at least one value.

    An edge is a value that occurs, and belongs to the bin below it (``x <= edge``), so no bin is empty; with few distinct
    values there are fewer bins.

    >>> edges_of(np.array([5.0, 6.0, 6.0, 7.0]))
    array([5., 6.])
    """
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    found: Floats = edges[edges < values.max()]
    return found


def numeric_reference(values: Floats, rows: int) -> NumericReference:
    """Moments and equal-mass bins of finite values, at least one; the rest of the `rows` is missing.

    `std` is that of the population (divided by n).

    >>> found = numeric_reference(np.array([5.0, 6.0, 6.0, 7.0]), 5)
    >>> found.edges, found.shares, found.missing
    ([5.0, 6.0], [0.25, 0.5, 0.25], 0.2)
    """
    edges = edges_of(values)
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return NumericReference(
        n=rows,
        missing=(rows - len(values)) / rows,
        mean=float(values.mean()),
        std=float(values.std()),
        minimum=float(values.min()),
        maximum=float(values.max()),
        edges=edges.tolist(),
        shares=(counts / len(values)).tolist(),
    )


def categorical_reference(counts: Mapping[str, int], rows: int, *, others: int = 0) -> CategoricalReference:
    """Shares of the commonest categories, by name (an order of keys that outlives JSON), of the values that are there, at least one.

    `others` counts values whose names are not known.

    >>> found = categorical_reference({"UA": 2, "AA": 1}, 4)
    >>> found.shares, found.missing, found.singletons
    ({'AA': 0.333..., 'UA': 0.666...}, 0.25, 1)
    """
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(counts.values()) + others
    return CategoricalReference(
        n=rows,
        missing=(rows - total) / rows,
        shares={value: count / total for value, count in sorted(common[:CATEGORIES])},
        other=(sum(count for _, count in common[CATEGORIES:]) + others) / total,
        distinct=len(counts),
        singletons=sum(count == 1 for count in counts.values()),
    )
