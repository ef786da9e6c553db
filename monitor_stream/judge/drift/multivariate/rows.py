"""Whether sampled rows have drifted from those of the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scipy import special

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift
from monitor_stream.events.spec import Reference
from monitor_stream.judge.drift.bins import NotComputableError
from monitor_stream.judge.drift.multivariate.classifier import separability, standard_error
from monitor_stream.judge.drift.multivariate.encoding import Encoding
from monitor_stream.judge.drift.multivariate.half_spaces import half_spaces
from monitor_stream.judge.drift.multivariate.reconstruction import reconstruction

RECONSTRUCTION: Final = "reconstruction_error"
CLASSIFIER: Final = "domain_classifier"
HALF_SPACES: Final = "half_space_trees"
#: Fewer rows, on either side, are not judged.
MIN_ROWS: Final = 100
#: The least effect that counts: a tenth of the usual reconstruction error; .05 of AUC (Evidently alarms at .55); a quarter of the standard
#: deviation of a row's score.
RECONSTRUCTION_FLOOR: Final = 0.1
CLASSIFIER_FLOOR: Final = 0.05
HALF_SPACES_FLOOR: Final = 0.25


def judge_rows(
    before: Floats,
    now: Floats,
    references: Sequence[Reference | None],
    alpha: float,
    *,
    design_effect: float = 1.0,
) -> list[ColumnDrift]:
    """PCA reconstruction error, domain classifier and half-space trees over sampled rows.

    `value` of the first is by which share the mean error differs from the reference's, of the second the AUC, of the third by how
    many standard deviations of a row's score the mean score does.

    Parameters
    ----------
    before, now
        Sampled rows of the reference and of the span, shapes ``(m, columns)`` and ``(n, columns)``, as in
        `monitor_stream.events.delta.Sample`; NaN is missing.
    references
        Of each column, in order; columns without one are left out.
    alpha
        The level that the tests share, a third each.
    design_effect
        How many times the variance of independent rows the reference's spans had: see `spread.design_effect`.

    Nothing raises: what cannot be judged says why.

    >>> from monitor_stream.events.spec import NumericReference
    >>> delay = NumericReference(
    ...     n=900, missing=0, mean=0, std=1, minimum=-3, maximum=3, edges=[0.0], shares=[0.5, 0.5]
    ... )
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(900, 1))
    >>> together = np.hstack((rows, rows))
    >>> [found.drifted for found in judge_rows(together[:500], together[500:], [delay, delay], 0.01)]
    [False, False, False]
    """
    encoding = Encoding.of(references)
    try:
        _check(before, now, encoding)
    except NotComputableError as error:
        return [
            ColumnDrift(column=name, n=len(now), not_computable=str(error))
            for name in (RECONSTRUCTION, CLASSIFIER, HALF_SPACES)
        ]
    left, right = encoding.encode(before), encoding.encode(now)
    stretch = math.sqrt(design_effect)
    return [
        _reconstruction(left, right, alpha / 3.0, stretch),
        _classifier(left, right, alpha / 3.0, stretch),
        _half_spaces(left, right, alpha / 3.0, stretch),
    ]


def _check(before: Floats, now: Floats, encoding: Encoding) -> None:
    if not len(before):
        raise NotComputableError("the reference holds no rows")
    if min(len(before), len(now)) < MIN_ROWS:
        raise NotComputableError(f"{len(now)} rows against {len(before)}, fewer than {MIN_ROWS}")
    if encoding.width < 2:
        raise NotComputableError("fewer than two columns have a reference that is not constant")


def _reconstruction(before: Floats, now: Floats, alpha: float, stretch: float) -> ColumnDrift:
    try:
        found = reconstruction(before, now)
    except NotComputableError as error:
        return ColumnDrift(column=RECONSTRUCTION, n=len(now), not_computable=str(error))
    spread = found.error * stretch
    return _either_way(RECONSTRUCTION, len(now), found.value, spread, alpha, floor=RECONSTRUCTION_FLOOR)


def _half_spaces(before: Floats, now: Floats, alpha: float, stretch: float) -> ColumnDrift:
    try:
        found = half_spaces(before, now)
    except NotComputableError as error:
        return ColumnDrift(column=HALF_SPACES, n=len(now), not_computable=str(error))
    spread = found.error * stretch
    return _either_way(HALF_SPACES, len(now), abs(found.value), spread, alpha, floor=HALF_SPACES_FLOOR)


def _either_way(
    column: str, n: int, value: float, spread: float, alpha: float, *, floor: float
) -> ColumnDrift:
    """The size of a number that is normal around 0 where nothing moved."""
    usual = spread * math.sqrt(2.0 / math.pi)
    limit = max(float(-special.ndtri(alpha / 2.0)) * spread, usual + floor)
    return ColumnDrift(
        column=column,
        n=n,
        value=value,
        expected=usual,
        threshold=limit,
        p_value=float(2.0 * special.ndtr(-value / spread)) if spread > 0.0 else float(value == 0.0),
        drifted=value >= limit,
    )


def _classifier(before: Floats, now: Floats, alpha: float, stretch: float) -> ColumnDrift:
    value = separability(before, now)
    error = standard_error(len(before), len(now)) * stretch
    limit = 0.5 + max(float(-special.ndtri(alpha)) * error, CLASSIFIER_FLOOR)
    return ColumnDrift(
        column=CLASSIFIER,
        n=len(now),
        value=value,
        expected=0.5,
        threshold=limit,
        p_value=float(special.ndtr(-(value - 0.5) / error)),
        drifted=value >= limit,
    )
