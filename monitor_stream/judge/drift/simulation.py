"""Calibration by simulation: windows drawn from the reference, which is itself a sample."""

from __future__ import annotations

import hashlib
import math
from typing import Final, NamedTuple

import msgspec
import numpy as np
from scipy import special

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Calibration, Distance, Reference
from monitor_stream.judge.drift.bins import Bins
from monitor_stream.judge.drift.calibration import QUADRATIC
from monitor_stream.judge.drift.distances import Measure
from monitor_stream.judge.drift.folding import CUMULATIVE, ladder
from monitor_stream.judge.drift.spread import design_effect
from monitor_stream.judge.drift.tails import fit_tail

#: Windows drawn for each size.
_DRAWS: Final = 2_000
#: From this size on cumulated shares are as good as normal, and one law, drawn so often, does for all sizes.
_NORMAL_FROM: Final = 2_000
_NORMAL_DRAWS: Final = 10_000


def calibrate(
    reference: Reference, method: Distance, *, size: float | None = None, spans: Floats | None = None
) -> Calibration:
    r"""The law of a distance when nothing has moved, measured on simulated windows.

    A window of n values is multinomial(n, p) with p from a Dirichlet law around the reference's shares, as wide as a reference
    of m values leaves them uncertain. The law of U / (1/n + 1/m) is fitted by a gamma law whose upper tail is right, not its
    middle. The seed follows from the reference: the same reference gives the same calibration.

    Parameters
    ----------
    size
        How many values the reference holds (m); by default as many as it says.
    spans
        Counts of the reference's own spans, shape ``(spans, bins)``: see `spread.design_effect`.

    Raises `NotComputableError` when no size can be judged, such as for a constant reference.

    >>> from monitor_stream.events.spec import CategoricalReference
    >>> carrier = CategoricalReference(n=10_000, missing=0.0, shares={"UA": 0.5, "AA": 0.3, "DL": 0.2})
    >>> law = calibrate(carrier, "psi")
    >>> law.sizes[0], law.sizes[-1]
    (50, 50000)
    """
    bins = Bins.of(reference)
    if size is not None:
        bins = msgspec.structs.replace(bins, size=size)
    sizes = ladder(bins, method)
    rng = np.random.default_rng(_seed(bins, method))
    laws = _laws(bins, method, sizes, rng)
    found = Calibration(
        method=method,
        sizes=sizes,
        shapes=[law.shape for law in laws],
        scales=[law.scale for law in laws],
        means=[law.mean for law in laws],
    )
    return found if spans is None else design_effect(found, bins, spans)


class _Law(NamedTuple):
    shape: float
    scale: float
    mean: float


def _laws(bins: Bins, method: Distance, sizes: list[int], rng: np.random.Generator) -> list[_Law]:
    exact = [n for n in sizes if method not in CUMULATIVE or min(n, bins.size) < _NORMAL_FROM]
    found = [_law(method, *_windows(Measure.of(bins, method, n), n, bins.size, rng)) for n in exact]
    if len(exact) < len(sizes):
        limit = _law(method, *_normal(Measure.of(bins, method, sizes[-1]), rng))
        found += [limit] * (len(sizes) - len(exact))
    return found


def _law(method: Distance, u: Floats, weights: Floats) -> _Law:
    distances = u if method in QUADRATIC else np.sqrt(u)
    return _Law(*fit_tail(u, weights), float(np.average(distances, weights=weights)))


def _windows(measure: Measure, n: int, m: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    r"""U/c of windows that differ more than chance would make them, and their weights, which set that right.

    What matters is the far tail, and plain windows hardly ever get there. These come from a reference with fewer
    values, so that c is λ times as large; each counts by the ratio of its Dirichlet-multinomial probabilities.
    """
    shares = measure.shares[measure.shares > 0.0]
    inflation = _inflation(len(shares) - 1)
    c = 1.0 / n + 1.0 / m
    k = 1.0 / (inflation * c - 1.0 / n)
    counts = rng.multinomial(n, rng.dirichlet(k * shares, size=_DRAWS)).astype(np.float64)
    g = special.gammaln
    log_weights = (
        (g(counts + m * shares) - g(counts + k * shares)).sum(axis=-1)
        - (g(m * shares) - g(k * shares)).sum()
        + (g(m) - g(m + n) - g(k) + g(k + n))
    )
    whole = np.zeros((_DRAWS, len(measure.shares)))
    whole[:, measure.shares > 0.0] = counts
    return _u(measure, whole) / c, np.exp(log_weights)


def _normal(measure: Measure, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The same as n and m grow: normal changes of the shares, λ times as wide, weighed by the ratio of densities."""
    shares = measure.shares
    degrees = int(np.count_nonzero(shares)) - 1
    inflation = _inflation(degrees)
    z = rng.standard_normal((_NORMAL_DRAWS, len(shares))) * math.sqrt(inflation)
    roots = np.sqrt(shares)
    # The part along the roots would change the sum of the shares: it is taken out, and weighs nothing.
    z -= (z @ roots)[:, None] * roots
    inside = (z[:, shares > 0.0] ** 2).sum(axis=-1)
    log_weights = 0.5 * degrees * math.log(inflation) - 0.5 * (1.0 - 1.0 / inflation) * inside
    # So small a change is linear, and so near to the shares no count is negative.
    step = 1e-6
    return _u(measure, shares + step * roots * z) / step**2, np.exp(log_weights)


def _inflation(degrees: int) -> float:
    """How much wider to draw: the weights of more dimensions differ more."""
    return 1.0 + 2.5 / math.sqrt(degrees)


def _u(measure: Measure, counts: Floats) -> Floats:
    values = measure.of_cells(counts)
    return values if measure.method in QUADRATIC else values**2


def _seed(bins: Bins, method: Distance) -> int:
    held = hashlib.sha256(method.encode())
    for part in (bins.shares, np.array([bins.size])):
        held.update(part.astype("<f8").tobytes())
    return int.from_bytes(held.digest()[:8], "big")
