"""Distances between two histograms of one column: shares of a reference, counts now.

Each is a function of shares in `information`, `overlap` and `cumulative`; `Measure` takes one of a column as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Self

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import Distance
from monitor_stream.judge.drift.bins import Bins, NotComputableError, total
from monitor_stream.judge.drift.distances.cumulative import ks, wasserstein
from monitor_stream.judge.drift.distances.information import js, kl, psi
from monitor_stream.judge.drift.distances.overlap import cramers_v, hellinger, tvd
from monitor_stream.judge.drift.folding import MIN_SIZE, cells, fold

__all__ = ["Measure", "cramers_v", "distance", "hellinger", "js", "kl", "ks", "psi", "tvd", "wasserstein"]

_OF_SHARES: Final[Mapping[Distance, Callable[[Floats, Floats], Floats]]] = {
    "psi": psi,
    "js": js,
    "ks": ks,
    "chi2": cramers_v,
    "hellinger": hellinger,
    "tvd": tvd,
    "kl": kl,
}


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One distance of one column, for samples of about one size (see `folding.rung`)."""

    method: Distance
    cells: Ints
    shares: Floats
    positions: Floats

    @classmethod
    def of(cls, bins: Bins, method: Distance, n: float) -> Self:
        """The measure for samples of n values; raises `NotComputableError` where they are too few, or too uneven."""
        if n < MIN_SIZE:
            raise NotComputableError("no values" if n <= 0 else f"{n:.0f} values, fewer than {MIN_SIZE}")
        found = cells(bins, method, n)
        return cls(method=method, cells=found, shares=fold(bins.shares, found), positions=bins.positions)

    def __call__(self, counts: Floats) -> Floats:
        """The distances of histograms: shape ``(..., bins)`` to ``(...)``."""
        return self.of_cells(fold(counts, self.cells))

    def of_cells(self, counts: Floats) -> Floats:
        """The distances of histograms that are folded already: shape ``(..., cells)`` to ``(...)``."""
        now = counts / total(counts)
        if self.method == "wasserstein":
            return wasserstein(self.shares, now, self.positions)
        return _OF_SHARES[self.method](self.shares, now)


def distance(bins: Bins, method: Distance, counts: Floats) -> float:
    """The distance of one histogram (shape ``(bins,)``) from its reference.

    Raises `NotComputableError` with the reason when there is none: too few values, a constant reference, categories
    where numbers are needed. It is never NaN or infinite.

    >>> from monitor_stream.events.spec import CategoricalReference
    >>> bins = Bins.of(CategoricalReference(n=1000, missing=0.0, shares={"UA": 0.6, "AA": 0.4}))
    >>> distance(bins, "tvd", np.array([35.0, 65.0, 0.0]))
    0.25
    """
    return float(Measure.of(bins, method, float(np.sum(counts)))(counts))
