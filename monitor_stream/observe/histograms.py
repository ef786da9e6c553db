"""Columns of numbers into counts by the bins of their references."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import CategoricalReference, NumericReference, Reference
from monitor_stream.events.tables import HISTOGRAM_BINS
from monitor_stream.observe.sums import GROUPS, Rows, Windows

_MAX: Final = sys.float_info.max

#: The names of 0 and 1.
BOOLEANS: Final = ("false", "true")


class Bins:
    """The bins of one column: the upper edges of all but the last, and where in its histogram each one is counted."""

    def __init__(self, edges: Floats, places: Ints | None = None) -> None:
        # What is no value lies beyond the first and the last of these; the rest fills up to one length for all columns.
        self.edges = np.full(HISTOGRAM_BINS + 1, _MAX)
        self.edges[0] = -_MAX
        self.edges[1 : len(edges) + 1] = edges
        self.places = np.arange(HISTOGRAM_BINS)
        if places is not None:
            self.places[: len(places)] = places


def bins_of(
    reference: Reference | None, names: Sequence[str] | None = None, *, coded: bool = False
) -> Bins | None:
    """The bins of a column; ``None`` where there are none, or more than a histogram has.

    `coded` says that its numbers are the codes of the reference's own values, `names` the values that stand behind the
    numbers 0, 1 and so on.

    >>> shares = {"true": 0.5, "false": 0.5}
    >>> bins_of(CategoricalReference(n=9, missing=0.0, shares=shares), BOOLEANS).places[:3]
    array([1, 0, 2])
    """
    if isinstance(reference, CategoricalReference):
        shares = list(reference.shares)
        if len(shares) >= HISTOGRAM_BINS or not (coded or names):
            return None
        if names is None:
            return Bins(np.arange(len(shares), dtype=float))
        places = [shares.index(name) if name in shares else len(shares) for name in names]
        return Bins(np.arange(len(names) - 1, dtype=float), np.array(places))
    if not isinstance(reference, NumericReference) or coded:
        return None
    edges = np.array(reference.edges, float)
    usable = len(edges) < HISTOGRAM_BINS and (np.abs(edges) < _MAX).all() and (np.diff(edges) > 0.0).all()
    return Bins(edges) if usable else None


class Histograms:
    """Counts some columns into the table `histograms`, of which a row has one count: that of a bin of a column.

    Parameters
    ----------
    bins
        Of each column, by its group code.
    """

    def __init__(self, bins: dict[int, Bins | None]) -> None:
        counted = {code: some for code, some in bins.items() if some is not None}
        self.columns = np.array([place for place, some in enumerate(bins.values()) if some is not None], int)
        self._edges = [some.edges for some in counted.values()]
        self._cells = np.array(
            [code * HISTOGRAM_BINS + some.places for code, some in counted.items()]
        ).ravel()

    def add(self, rows: Rows, spans: Windows, matrix: Floats) -> None:
        """Count a matrix with a row an event; `spans` tells the drift span of each.

        Sorted, a column is searched for its edges, not the edges for each value: that is five times as fast.
        """
        if not len(self.columns) or not len(matrix):
            return
        values = matrix.T if len(self.columns) == matrix.shape[1] else matrix.T[self.columns]
        for number, some in spans.parts():
            ordered = np.sort(values[:, some], axis=1)
            below = [
                column.searchsorted(edges, "right")
                for column, edges in zip(ordered, self._edges, strict=True)
            ]
            counts = np.diff(below).ravel()
            counted = counts.nonzero()[0]
            rows.add(number * GROUPS + self._cells[counted], counts[counted, None].astype(np.float64))
