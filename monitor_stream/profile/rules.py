"""Drift rules, and what they will see: how far each column has to move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from monitor_stream.errors import InputError
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Calibration, Distance, DriftRules, Reference
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.budget import level
from monitor_stream.judge.drift.calibration import expected, threshold
from monitor_stream.judge.drift.methods import FLOORS, default_methods
from monitor_stream.judge.drift.methods import methods as methods_of
from monitor_stream.judge.drift.simulation import calibrate
from monitor_stream.profile.rounding import significant


class Measured(NamedTuple):
    """A column's reference, and the counts of its own spans, or runs of them; shape ``(spans, bins)``, none without times."""

    reference: Reference
    spans: Floats


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """From where on a column counts as drifted.

    Parameters
    ----------
    n
        Values of a typical span, or the fewest that are judged.
    expected, threshold
        What the distance is when nothing moved, and from where on it is drift, for n values.
    chance
        The part of the threshold that chance asks for: above `floor` it is the reference's own restlessness that does.
    design_effect, spans
        See `Calibration`.
    not_computable
        Why there is no distance.
    """

    column: str
    method: Distance | None = None
    n: int = 0
    expected: float = 0.0
    threshold: float = 0.0
    floor: float = 0.0
    design_effect: float = 1.0
    spans: int = 0
    not_computable: str = ""

    @property
    def restless(self) -> bool:
        """Whether the reference's spans differ from each other by more than what would be drift elsewhere."""
        return (
            self.design_effect > 1.0
            and self.threshold > self.expected / np.sqrt(self.design_effect) + 2 * self.floor
        )


def drift_rules(
    columns: Mapping[str, Measured],
    *,
    span_seconds: float,
    false_alarms_per_month: float,
    methods: Mapping[str, Distance],
    all_methods: bool,
    least: int,
    run_spans: int,
) -> tuple[DriftRules, list[Sensitivity]]:
    """The rules with a calibration for each column and method, and what they will see of each column.

    Parameters
    ----------
    methods
        Column → the distance that judges it, where that is not the default one.
    least
        The fewest rows that are judged; a span with fewer is judged together with others.
    run_spans
        How many spans are typically judged together.

    Raises `InputError` for a method that a column cannot have, or for a column that is not there.
    """
    if unknown := sorted(methods.keys() - columns.keys()):
        raise InputError(f"No reference is kept of {', '.join(unknown)}: nothing can judge it")
    alpha = level(false_alarms_per_month, run_spans * span_seconds) / max(len(columns), 1)
    calibrations: dict[str, list[Calibration]] = {}
    seen = []
    for name, column in columns.items():
        n = _typical(column.spans, least)
        try:
            found = [
                _rounded(calibrate(column.reference, method, spans=column.spans))
                for method in _methods(name, column.reference, n, methods.get(name), every=all_methods)
            ]
        except NotComputableError as error:
            seen.append(Sensitivity(column=name, not_computable=str(error)))
            continue
        calibrations[name] = found
        seen.append(_sensitivity(name, column.reference, found[0], alpha, n))
    rules = DriftRules(
        span_seconds=span_seconds, false_alarms_per_month=false_alarms_per_month, columns=calibrations
    )
    return rules, seen


def _typical(spans: Floats, least: int) -> int:
    return int(np.median(spans.sum(axis=1))) if len(spans) else least


def _methods(
    name: str, reference: Reference, n: int, given: Distance | None, *, every: bool
) -> list[Distance]:
    fitting = methods_of(reference)
    if given is not None and given not in fitting:
        raise InputError(f"{name} has no {given}: its distances are {', '.join(fitting)}")
    first = given or default_methods(reference, n)[0]
    return [first, *(method for method in fitting if every and method != first)]


def _rounded(calibration: Calibration) -> Calibration:
    return msgspec.structs.replace(
        calibration,
        shapes=[significant(shape) for shape in calibration.shapes],
        scales=[significant(scale) for scale in calibration.scales],
        means=[significant(mean) for mean in calibration.means],
        design_effect=significant(calibration.design_effect),
    )


def _sensitivity(name: str, reference: Reference, law: Calibration, alpha: float, n: int) -> Sensitivity:
    m = Bins.of(reference).size
    usual, floor = expected(law, n, m), FLOORS[law.method]
    return Sensitivity(
        column=name,
        method=law.method,
        n=n,
        expected=usual,
        threshold=max(threshold(law, alpha, n, m), usual + floor),
        floor=floor,
        design_effect=law.design_effect,
        spans=law.spans,
    )
