"""Calibration by simulation: windows drawn from the reference, which is itself a sample."""

from __future__ import annotations

import hashlib
import math
from typing import Final, NamedTuple

import msgspec
import numpy as np
from scipy import special

from monitor_stream.events.delta import Floats, Ints
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
_PARTS: Final = 6


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

    What matters is the far tail, and plain windows hardly ever get there. In these the counts of `_parts` come from a reference
    with fewer values, so that c is λ times as large; each window counts by the ratio of its Dirichlet-multinomial
    probabilities. Within a part counts are drawn as they are.
    """
    parts = _parts(measure)
    masses = np.array([measure.shares[part].sum() for part in parts])
    c = 1.0 / n + 1.0 / m
    k = 1.0 / (_inflation(len(parts) - 1) * c - 1.0 / n)
    held = rng.multinomial(n, rng.dirichlet(k * masses, size=_DRAWS))
    g = special.gammaln
    log_weights = (
        (g(held + m * masses) - g(held + k * masses)).sum(axis=-1)
        - (g(m * masses) - g(k * masses)).sum()
        + (g(m) - g(m + n) - g(k) + g(k + n))
    )
    counts = np.zeros((_DRAWS, len(measure.shares)))
    for index, part in enumerate(parts):
        inside = rng.dirichlet(m * measure.shares[part], size=_DRAWS)
        counts[:, part] = rng.multinomial(held[:, index], inside) if len(part) > 1 else held[:, [index]]
    return _u(measure, counts) / c, np.exp(log_weights)


def _normal(measure: Measure, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The same as n and m grow: normal changes of the shares, those of parts λ times as wide, weighed by the densities."""
    parts = _parts(measure)
    shares = measure.shares
    masses = np.array([shares[part].sum() for part in parts])
    degrees = len(parts) - 1
    inflation = _inflation(degrees)
    between = math.sqrt(inflation) * _bridge(masses, rng)
    square = (between**2 / masses).sum(axis=-1)
    log_weights = 0.5 * degrees * math.log(inflation) - 0.5 * (1.0 - 1.0 / inflation) * square
    changes = np.zeros((_NORMAL_DRAWS, len(shares)))
    for index, part in enumerate(parts):
        inside = shares[part] / masses[index]
        changes[:, part] = between[:, [index]] * inside + math.sqrt(masses[index]) * _bridge(inside, rng)
    # So small a change is linear, and so near to the shares no count is negative.
    step = 1e-6
    return _u(measure, shares + step * changes) / step**2, np.exp(log_weights)


def _bridge(shares: Floats, rng: np.random.Generator) -> Floats:
    """Normal draws with the covariance of one multinomial draw, diag(p) − p pᵀ: shape ``(draws, len(shares))``."""
    roots = np.sqrt(shares)
    z = rng.standard_normal((_NORMAL_DRAWS, len(shares)))
    # What points along the roots would change the sum of the shares.
    found: Floats = roots * (z - (z @ roots)[:, None] * roots)
    return found


def _parts(measure: Measure) -> list[Ints]:
    """The cells with a share, in groups that are drawn more widely as a whole.

    Each by itself, but for cumulated shares: there are many bins, and what makes a large distance is a shift of many. The
    bins form up to six runs in which the distance feels the same amount of chance.
    """
    present = np.flatnonzero(measure.shares)
    if measure.method not in CUMULATIVE:
        return list(present[:, None])
    below = np.cumsum(measure.shares)
    felt = np.sqrt(np.maximum(below * (1.0 - below), 0.0))
    if measure.method == "wasserstein":
        felt[:-1] *= np.diff(measure.positions)
    places = np.cumsum(felt[present]) - felt[present] / 2.0
    runs = np.minimum(
        _PARTS * places / max(felt[present].sum(), np.finfo(np.float64).tiny), _PARTS - 1
    ).astype(int)
    parts = [present[runs == run] for run in np.unique(runs)]
    # A single run leaves nothing to draw widely: the bins must be few.
    return parts if len(parts) > 1 else list(present[:, None])


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
