"""Which bins moved most, in words."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import NumericReference, Reference
from monitor_stream.judge.drift.bins import Bins, NotComputableError, total
from monitor_stream.judge.drift.folding import cells, fold

_TOP: Final = 3
#: What categories are called that the reference has no name for.
OTHERS: Final = "all others"


def top(reference: Reference, bins: Bins, counts: Floats) -> list[tuple[str, float, float]]:
    """The three parts of a column whose share changed most, with their shares before and now.

    A part is about a tenth of a numeric column, or a category.

    >>> from monitor_stream.events.spec import CategoricalReference
    >>> carrier = CategoricalReference(n=1000, missing=0.0, shares={"UA": 0.5, "AA": 0.3, "DL": 0.2})
    >>> top(carrier, Bins.of(carrier), np.array([30.0, 30.0, 40.0, 0.0]))
    [('UA', 0.5, 0.3), ('DL', 0.2, 0.4)]
    """
    try:
        found = cells(bins, "tvd", float(counts.sum())) if bins.ordered else np.arange(len(bins.shares))
    except NotComputableError:
        return []
    before = fold(bins.shares, found)
    now = (fold(counts, found) / total(counts)).round(12)
    names = (
        _intervals(reference.edges, found)
        if isinstance(reference, NumericReference)
        else _names(reference.shares)
    )
    order = np.argsort(-np.abs(now - before), kind="stable")[:_TOP]
    return [
        (names[cell], float(before[cell]), float(now[cell]))
        for cell in order
        if abs(now[cell] - before[cell]) > 1e-9
    ]


def _names(shares: dict[str, float]) -> list[str]:
    return [*shares, OTHERS]


def _intervals(edges: list[float], found: Ints) -> list[str]:
    """Each cell by the edges it lies between: above the first, up to the second."""
    last = np.flatnonzero(np.diff(found))
    inner = [edges[index] for index in last]
    between = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(inner)]
    return [f"up to {inner[0]:.4g}", *between, f"above {inner[-1]:.4g}"]
