"""The bins of a column, and what share of the reference's values lies in each."""

from __future__ import annotations

import math
from typing import Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import NumericReference, Reference

#: The smallest standard deviation that a distance is measured in.
MIN_STD: Final = 0.001


class NotComputableError(Exception):
    """A statistic has no value here; the message is the reason, for a person."""


class Bins(msgspec.Struct, frozen=True, kw_only=True):
    """A reference as numbers: the shares of its bins, and how many values (`size`) they were counted on.

    The bins are those of the table ``histograms``: a numeric reference's in the order of their values, or one for each
    category and a last one for all others. `positions` says where on the axis the values of each bin are taken to lie,
    in standard deviations; it is empty for categories, which have no order.
    """

    shares: Floats
    size: float
    positions: Floats

    @classmethod
    def of(cls, reference: Reference) -> Self:
        """The bins of a reference; one without values has shares of 0.

        >>> from monitor_stream.events.spec import CategoricalReference
        >>> bins = Bins.of(CategoricalReference(n=10, missing=0.0, shares={"UA": 0.5, "AA": 0.4}, other=0.1))
        >>> bins.shares, bins.positions.size
        (array([0.5, 0.4, 0.1]), 0)
        """
        if isinstance(reference, NumericReference):
            shares, at = np.array(reference.shares, np.float64), positions(reference)
        else:
            shares, at = np.array([*reference.shares.values(), reference.other], np.float64), np.zeros(0)
        held = math.fsum(shares)
        return cls(
            shares=shares / held if 0.0 < held < math.inf else np.zeros(len(shares)),
            size=max(reference.n * (1.0 - reference.missing), 1.0),
            positions=at,
        )

    @property
    def ordered(self) -> bool:
        """Whether the bins lie on an axis."""
        return self.positions.size > 0

    def standing_in(self, counts: Floats) -> Self:
        """The same bins with other values in them, such as those of the spans before (shape ``(bins,)``)."""
        total = float(counts.sum())
        if total <= 0.0:
            raise NotComputableError("the reference has no values")
        return msgspec.structs.replace(self, shares=counts / total, size=total)


def positions(reference: NumericReference) -> Floats:
    r"""Where the values of each bin lie, in standard deviations of the reference (shape ``(bins,)``).

    At the bin's upper edge: edges are values of the reference, so for columns of few values this is where they are, and
    for the others, whose bins hold 1 in 40, it is as near as any other place. The last bin has no edge above. Its values
    are taken to fall off exponentially at the rate that its neighbour shows: it stands one mean excess above its edge, at
    most at the largest value, so that one wild value in the reference stretches nothing.

    >>> reference = NumericReference(
    ...     n=100,
    ...     missing=0.0,
    ...     mean=1.0,
    ...     std=0.5,
    ...     minimum=0.0,
    ...     maximum=2.0,
    ...     edges=[0.0, 1.0],
    ...     shares=[0.25, 0.5, 0.25],
    ... )
    >>> positions(reference)
    array([0.        , 2.        , 3.82047845])
    """
    edges = np.array(reference.edges, np.float64)
    if not edges.size:
        return np.zeros(1)
    last = max(reference.maximum, edges[-1])
    if len(edges) > 1:
        tail, beside = reference.shares[-1], reference.shares[-2]
        if tail > 0.0 and beside > 0.0:
            last = min(last, edges[-1] + (edges[-1] - edges[-2]) / math.log1p(beside / tail))
    return np.append(edges, last) / max(reference.std, MIN_STD)


def total(counts: Floats) -> npt.NDArray[np.float64]:
    """How many values each histogram holds: shape ``(..., bins)`` to ``(..., 1)``, at least 1 so that it divides."""
    result: Floats = np.maximum(counts.sum(axis=-1, keepdims=True), 1.0)
    return result
