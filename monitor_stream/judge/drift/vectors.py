"""Vectors, such as embeddings: how far their centroid moved, and in how many components."""

from __future__ import annotations

import math
from typing import Final, Self

import msgspec
import numpy as np
from scipy import special

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift
from monitor_stream.events.tables import component_group
from monitor_stream.judge.drift.bins import MIN_STD, NotComputableError
from monitor_stream.judge.drift.budget import critical
from monitor_stream.judge.drift.folding import MIN_SIZE

#: What the share of components that moved is called among the other scores.
DRIFTED_COMPONENTS: Final = "drifted_components"
#: The check that looks at vectors.
CENTROID: Final = "centroid"
#: The least move that counts, in standard deviations: of the centroid, and of a component.
FLOOR: Final = 0.1
_TOP: Final = 3


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """Of the components of some vectors: how many, their means and standard deviations, shape ``(components,)``."""

    n: float
    means: Floats
    stds: Floats

    @classmethod
    def of(cls, counts: Floats, sums: Floats, squares: Floats) -> Self:
        """From the sums of a component's finite values and of their squares.

        >>> Moments.of(np.array([4.0]), np.array([8.0]), np.array([20.0])).stds
        array([1.])
        """
        n = np.maximum(counts, 1.0)
        means = sums / n
        return cls(
            n=float(counts.min(initial=np.inf)) if counts.size else 0.0,
            means=means,
            stds=np.sqrt(np.maximum(squares / n - means**2, 0.0)),
        )


def judge_vector(
    name: str, before: Moments, now: Moments, alpha: float, *, design_effect: float = 1.0
) -> ColumnDrift:
    r"""The drift of a vector by the means of its components.

    `value` is the distance of the centroids, :math:`\sqrt{\frac1d \sum_j (\Delta_j / \sigma_j)^2}`, in standard deviations of the
    reference. How components go together is not known, so they count as one: chance is given the widest law it can have, χ²
    with one degree over c = 1/n + 1/m, and the test is careful where they are independent. Among `others` stands the share of
    components whose own move is beyond chance (Benjamini-Hochberg at the same level) and beyond a tenth of a standard deviation.

    Nothing raises: what cannot be judged says why.

    >>> before = Moments(n=5000, means=np.zeros(4), stds=np.ones(4))
    >>> found = judge_vector(
    ...     "text", before, Moments(n=900, means=np.array([0, 0, 0, 1.0]), stds=np.ones(4)), 0.01
    ... )
    >>> found.value, found.drifted, found.others, found.top
    (0.5, True, {'drifted_components': 0.25}, [('text[3]', 0.0, 1.0)])
    """
    try:
        _check(before, now)
    except NotComputableError as error:
        return ColumnDrift(column=name, n=int(now.n), not_computable=str(error))
    c = design_effect * (1.0 / now.n + 1.0 / before.n)
    moves = (now.means - before.means) / np.maximum(before.stds, MIN_STD)
    value = math.sqrt(float(np.mean(moves**2)))
    usual = math.sqrt(c)
    limit = max(math.sqrt(c * 2.0 * float(special.gammainccinv(0.5, alpha))), usual + FLOOR)
    p_values = special.erfc(np.abs(moves) / math.sqrt(2.0 * c))
    moved = (p_values <= critical(list(p_values), alpha)) & (np.abs(moves) >= FLOOR)
    order = np.argsort(-np.abs(moves), kind="stable")[:_TOP]
    return ColumnDrift(
        column=name,
        n=int(now.n),
        value=value,
        expected=usual,
        threshold=limit,
        p_value=float(special.gammaincc(0.5, value * value / (2.0 * c))),
        drifted=value >= limit,
        others={DRIFTED_COMPONENTS: float(moved.mean())},
        top=[
            (component_group(name, int(index)), float(before.means[index]), float(now.means[index]))
            for index in order
            if moved[index]
        ],
    )


def _check(before: Moments, now: Moments) -> None:
    if before.n < MIN_SIZE:
        raise NotComputableError(
            "the reference has no vectors" if before.n <= 0 else "the reference has too few vectors"
        )
    if now.n < MIN_SIZE:
        raise NotComputableError("no values" if now.n <= 0 else f"{now.n:.0f} values, fewer than {MIN_SIZE}")
    if len(before.means) != len(now.means):
        raise NotComputableError(f"{len(now.means)} components, and the reference has {len(before.means)}")
