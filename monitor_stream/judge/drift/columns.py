"""Whether columns have drifted: more than chance, more than chance among so many, and more than anybody shrugs off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift
from monitor_stream.events.spec import Calibration, Distance, Reference
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.budget import critical
from monitor_stream.judge.drift.calibration import expected, p_value, threshold
from monitor_stream.judge.drift.closed_forms import closed_form
from monitor_stream.judge.drift.distances import distance
from monitor_stream.judge.drift.folding import MIN_SIZE
from monitor_stream.judge.drift.methods import FLOORS, default_methods
from monitor_stream.judge.drift.moved import top


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column as it is judged.

    Parameters
    ----------
    counts
        Values by bin, shape ``(bins,)``.
    calibrations
        The first judges, the others are shown. Without any, closed forms of the default methods stand in.
    bins
        What it is compared with, where that is not the reference as a whole: see `season` and `Bins.standing_in`.
    """

    name: str
    reference: Reference
    counts: Floats
    calibrations: Sequence[Calibration] = ()
    bins: Bins | None = None


class _Judged(NamedTuple):
    """A column with a p-value: what it was compared with, and how it may differ."""

    column: Column
    bins: Bins
    calibration: Calibration
    value: float
    p_value: float

    @property
    def n(self) -> float:
        return float(self.column.counts.sum())


def judge_columns(
    columns: Sequence[Column],
    alpha: float,
    *,
    floors: Mapping[Distance, float] = FLOORS,
    min_samples: float = MIN_SIZE,
) -> list[ColumnDrift]:
    """The drift of the columns of one span, in their order.

    Parameters
    ----------
    alpha
        The level of the span: see `budget.level`. Benjamini-Hochberg over all of these columns keeps it.
    floors
        The least effect by method that counts, over `methods.FLOORS`.
    min_samples
        Fewer values are not judged.

    A column has drifted when its value reaches its `threshold`: the larger of what chance exceeds too seldom, the other columns
    being what they are, and of what chance adds on average plus the floor. Nothing raises: what cannot be judged says why.

    >>> import numpy as np
    >>> from monitor_stream.events.spec import CategoricalReference
    >>> carrier = CategoricalReference(n=10_000, missing=0.0, shares={"UA": 0.5, "AA": 0.5})
    >>> [found] = judge_columns(
    ...     [Column(name="carrier", reference=carrier, counts=np.array([900.0, 100.0, 0.0]))], 0.01
    ... )
    >>> found.drifted, found.method, found.top[0]
    (True, 'chi2', ('UA', 0.5, 0.9))
    """
    looked = [_look(column, min_samples) for column in columns]
    tested = [found for found in looked if isinstance(found, _Judged)]
    levels = iter(critical([found.p_value for found in tested], alpha))
    floors = {**FLOORS, **floors}
    return [
        _tell(found, float(next(levels)), floors) if isinstance(found, _Judged) else found for found in looked
    ]


def _look(column: Column, min_samples: float) -> _Judged | ColumnDrift:
    n = float(column.counts.sum())
    try:
        bins = Bins.of(column.reference) if column.bins is None else column.bins
        if len(column.counts) != len(bins.shares):
            raise NotComputableError("the values were counted by other bins than the reference has")
        if 0.0 < n < min_samples:
            raise NotComputableError(f"{n:.0f} values, fewer than {min_samples:.0f}")
        calibration = (
            column.calibrations[0]
            if column.calibrations
            else closed_form(bins, default_methods(column.reference, n)[0])
        )
        value = distance(bins, calibration.method, column.counts)
    except NotComputableError as error:
        return ColumnDrift(column=column.name, n=int(n), not_computable=str(error))
    return _Judged(column, bins, calibration, value, p_value(calibration, value, n, bins.size))


def _tell(found: _Judged, level: float, floors: Mapping[Distance, float]) -> ColumnDrift:
    column, bins, calibration, n = found.column, found.bins, found.calibration, found.n
    usual = expected(calibration, n, bins.size)
    limit = max(threshold(calibration, level, n, bins.size), usual + floors[calibration.method])
    return ColumnDrift(
        column=column.name,
        n=int(n),
        method=calibration.method,
        value=found.value,
        expected=usual,
        threshold=limit,
        p_value=found.p_value,
        drifted=found.value >= limit,
        others=_others(column, bins, calibration.method),
        top=top(column.reference, bins, column.counts),
    )


def _others(column: Column, bins: Bins, judged_by: Distance) -> dict[str, float]:
    shown = [calibration.method for calibration in column.calibrations[1:]]
    if not column.calibrations:
        shown = default_methods(column.reference, float(column.counts.sum()))[1:]
    found: dict[str, float] = {}
    for method in shown:
        if method == judged_by:
            continue
        try:
            found[method] = distance(bins, method, column.counts)
        except NotComputableError:
            continue
    return found
