"""Which bins are counted together before a distance is taken."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import Distance
from monitor_stream.judge.drift.bins import Bins, NotComputableError

#: The sample sizes a distance is calibrated at. Below the first nothing is judged.
SIZES: Final = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
MIN_SIZE: Final = SIZES[0]

#: Numeric columns are cut into at most so many cells of about equal mass (deciles) for the distances that look at cells one by
#: one: further cells add chance, not sight.
_CELLS: Final = 10
#: A category rarer than this is counted with the others.
_MIN_SHARE: Final = 0.01
#: The least count that is expected in a cell. From 5 on (Cochran) a count behaves nearly like a normal number. The
#: logarithms of `psi` and `kl`, and the root of `hellinger`, jump where a cell is empty: they want cells that hardly ever are.
_MIN_EXPECTED: Final[dict[Distance, float]] = {"psi": 15.0, "kl": 10.0, "hellinger": 15.0}
_COCHRAN: Final = 5.0
#: The least count that is expected outside the commonest cell: with less the few values a count can take make steps in the
#: law that no threshold falls between.
_MIN_OUTSIDE: Final = 15.0

#: Distances of cumulated shares: a rare bin is no weight of its own there, and nothing need be folded.
CUMULATIVE: Final[frozenset[Distance]] = frozenset({"wasserstein", "ks"})


def rung(n: float) -> int:
    """The largest of `SIZES` that is at most n: a sample of n is folded as one of that size."""
    return max((size for size in SIZES if size <= n), default=MIN_SIZE)


def cells(bins: Bins, method: Distance, n: float) -> Ints:
    """The cell of each bin, for a sample of n values: shape ``(bins,)``, numbered from 0 without gaps.

    Numeric bins join their neighbours, up to deciles, and further while fewer values than the method can bear are expected
    in one (by the smaller of sample and reference). Categories that are too rare for that, or below 1 %, join the
    others (the last bin). Where the others are still too few, the rarest category goes with them; but where the
    reference has none at all they stay apart, so that a category nobody has seen shows.

    It follows from the reference and `rung` alone, so that calibration and judgement fold alike. Raises
    `NotComputableError` where fewer than 15 values are expected outside the commonest cell.

    >>> bins = Bins(shares=np.full(8, 0.125), size=10_000.0, positions=np.arange(8.0))
    >>> cells(bins, "js", 100), cells(bins, "kl", 50)
    (array([0, 1, 2, 3, 4, 5, 6, 7]), array([0, 0, 1, 1, 2, 2, 3, 3]))
    """
    if np.count_nonzero(bins.shares) < 2:
        raise NotComputableError(
            f"the reference has {'a single value' if bins.shares.any() else 'no values'}"
        )
    # Shares that are sums fall short of round numbers by a rounding error.
    one = (1.0 - 1e-9) / min(rung(n), bins.size)
    if method in CUMULATIVE:
        if not bins.ordered:
            raise NotComputableError(f"{method} needs numbers, and these are categories")
        found: Ints = np.arange(len(bins.shares))
    else:
        least = _MIN_EXPECTED.get(method, _COCHRAN) * one
        found = _neighbours(bins.shares, least) if bins.ordered else _others(bins.shares, least)
    if 1.0 - np.bincount(found, bins.shares).max() < _MIN_OUTSIDE * one:
        raise NotComputableError(f"{rung(n)} values are too few for shares so uneven")
    return found


def _neighbours(shares: Floats, least: float) -> Ints:
    """Deciles by the middle of each bin's mass; then from the left, until a cell holds enough."""
    middles = np.cumsum(shares) - shares / 2.0
    deciles = np.minimum((middles * _CELLS + 1e-9).astype(np.int64), _CELLS - 1)
    masses = np.bincount(deciles, shares, minlength=_CELLS)
    joined = np.zeros(_CELLS, np.int64)
    cell, held = 0, 0.0
    for decile, mass in enumerate(masses):
        if held >= least and mass > 0.0:
            cell, held = cell + 1, 0.0
        joined[decile] = cell
        held += mass
    if held < least and cell > 0:
        joined[joined == cell] = cell - 1
    return joined[deciles]


def _others(shares: Floats, least: float) -> Ints:
    """The kept categories in their order, then one cell for the rest."""
    kept = shares >= max(least, _MIN_SHARE)
    kept[-1] = False
    rest = shares[~kept].sum()
    if 0.0 < rest < least and kept.any():
        rarest = np.flatnonzero(kept)[np.argmin(shares[kept])]
        kept[rarest] = False
    found: Ints = np.where(kept, np.cumsum(kept) - 1, np.count_nonzero(kept))
    return found


def ladder(bins: Bins, method: Distance) -> list[int]:
    """The sizes to calibrate at: those of `SIZES` that can be judged, and one below each at which the cells change.

    Between sizes a law is interpolated; it must not be between two that fold differently. Raises `NotComputableError` when no
    size can be judged.

    >>> bins = Bins(shares=np.array([0.9, 0.08, 0.02, 0.0]), size=10_000.0, positions=np.zeros(0))
    >>> ladder(bins, "js")[:5]
    [200, 499, 500, 1000, 2000]
    """
    found: list[int] = []
    before: Ints | None = None
    reason = NotComputableError("")
    for size in SIZES:
        try:
            now = cells(bins, method, size)
        except NotComputableError as error:
            reason = error
            continue
        if before is not None and not np.array_equal(before, now):
            found.append(size - 1)
        found.append(size)
        before = now
    if not found:
        raise reason
    return found


def fold(counts: Floats, found: Ints) -> Floats:
    """Counts of cells from counts of bins: shape ``(..., bins)`` to ``(..., cells)``.

    >>> fold(np.array([[1.0, 2.0, 3.0]]), np.array([0, 1, 1]))
    array([[1., 5.]])
    """
    indicator = (found[:, None] == np.arange(found.max() + 1)).astype(np.float64)
    result: Floats = counts @ indicator
    return result
