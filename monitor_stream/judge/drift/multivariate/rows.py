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
from monitor_stream.judge.drift.multivariate.reconstruction import reconstruction

RECONSTRUCTION: Final = "reconstruction_error"
CLASSIFIER: Final = "domain_classifier"
#: Fewer rows, on either side, are not judged.
MIN_ROWS: Final = 100
#: The least effect that counts: a tenth of the usual reconstruction error; .05 of AUC (Evidently alarms at .55).
RECONSTRUCTION_FLOOR: Final = 0.1
CLASSIFIER_FLOOR: Final = 0.05


def judge_rows(
    before: Floats,
    now: Floats,
    references: Sequence[Reference | None],
    alpha: float,
    *,
    design_effect: float = 1.0,
) -> list[ColumnDrift]:
    """PCA reconstruction error and domain classifier over sampled rows.

    `value` of the first is by which share the mean error differs from the reference's, of the second the AUC.

    Parameters
    ----------
    before, now
        Sampled rows of the reference and of the span, shapes ``(m, columns)`` and ``(n, columns)``, as in
        `monitor_stream.events.delta.Sample`; NaN is missing.
    references
        Of each column, in order; columns without one are left out.
    alpha
        The level that both tests share, half each.
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
    [False, False]
    """
    encoding = Encoding.of(references)
    try:
        _check(before, now, encoding)
    except NotComputableError as error:
        return [
            ColumnDrift(column=name, n=len(now), not_computable=str(error))
            for name in (RECONSTRUCTION, CLASSIFIER)
        ]
    left, right = encoding.encode(before), encoding.encode(now)
    stretch = math.sqrt(design_effect)
    return [
        _reconstruction(left, right, alpha / 2.0, stretch),
        _classifier(left, right, alpha / 2.0, stretch),
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
    # A normal number, either way.
    usual = spread * math.sqrt(2.0 / math.pi)
    limit = max(float(-special.ndtri(alpha / 2.0)) * spread, usual + RECONSTRUCTION_FLOOR)
    return ColumnDrift(
        column=RECONSTRUCTION,
        n=len(now),
        value=found.value,
        expected=usual,
        threshold=limit,
        p_value=float(2.0 * special.ndtr(-found.value / spread))
        if spread > 0.0
        else float(found.value == 0.0),
        drifted=found.value >= limit,
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
