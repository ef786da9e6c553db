"""What differs between two specs of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import ColumnDrift
from monitor_stream.events.spec import (
    CategoricalReference,
    Estimator,
    Feature,
    ModelSpec,
    NumericReference,
    Reference,
)
from monitor_stream.events.tables import PREDICTION, SCORE, TARGET
from monitor_stream.judge.drift.bins import NotComputableError
from monitor_stream.judge.drift.budget import level
from monitor_stream.judge.drift.columns import Column, judge_columns
from monitor_stream.judge.drift.swapped import rebin

#: Fields that name a spec, or are compared column by column.
_APART = {
    "model",
    "version",
    "created",
    "features",
    "prediction",
    "score",
    "label",
    "baseline",
    "error_scale",
    "estimator",
    "drift",
}


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference.

    Parameters
    ----------
    column
        A feature, ``__prediction__``, ``__score__``, ``__target__``, or empty for what concerns the spec as a whole.
    what
        ``added``, ``removed``, ``kind``, ``values``, ``missing``, ``range``, ``importance``, or the name of a setting or metric.
    before, after
        As text; empty for what is not there.
    drift
        Of ``values``: how far the second reference lies from the first, and from where on that would be drift.
    """

    column: str
    what: str
    before: str
    after: str
    drift: ColumnDrift | None = None


def compare(before: ModelSpec, after: ModelSpec) -> list[Change]:
    """What differs, but for names and the time of making: settings, columns, metrics of the baseline.

    >>> old = ModelSpec(model="m", version="1", task="binary", features=[Feature(name="age", kind="numeric")])
    >>> new = msgspec.structs.replace(old, version="2", features=[], horizon_seconds=60.0)
    >>> [(change.column, change.what, change.before, change.after) for change in compare(old, new)]
    [('', 'horizon_seconds', '604800', '60'), ('age', 'removed', 'numeric', '')]
    """
    return [*_settings(before, after), *_columns(before, after), *_baseline(before, after)]


def _settings(before: ModelSpec, after: ModelSpec) -> Iterator[Change]:
    pairs: list[tuple[str, Any, Any]] = [
        (name, getattr(before, name), getattr(after, name))
        for name in before.__struct_fields__
        if name not in _APART
    ]
    pairs += [
        (f"drift.{name}", getattr(before.drift, name), getattr(after.drift, name))
        for name in before.drift.__struct_fields__
        if name != "columns"
    ]
    for name, old, new in pairs:
        if old != new:
            yield Change(column="", what=name, before=_text(old), after=_text(new))


def _columns(before: ModelSpec, after: ModelSpec) -> Iterator[Change]:
    old = {feature.name: feature for feature in before.features}
    new = {feature.name: feature for feature in after.features}
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield Change(column=name, what="removed", before=old[name].kind, after="")
        elif name not in old:
            yield Change(column=name, what="added", before="", after=new[name].kind)
        else:
            yield from _feature(old[name], new[name], before)
    for name, field in ((PREDICTION, "prediction"), (SCORE, "score"), (TARGET, "label")):
        yield from _reference(name, getattr(before, field), getattr(after, field), before)


def _feature(old: Feature, new: Feature, before: ModelSpec) -> Iterator[Change]:
    for what in ("kind", "importance"):
        one, other = getattr(old, what), getattr(new, what)
        if one != other:
            yield Change(column=old.name, what=what, before=_text(one), after=_text(other))
    if (old.minimum, old.maximum) != (new.minimum, new.maximum):
        yield Change(column=old.name, what="range", before=_range(old), after=_range(new))
    yield from _reference(old.name, old.reference, new.reference, before)


def _reference(
    name: str, old: Reference | None, new: Reference | None, before: ModelSpec
) -> Iterator[Change]:
    if old is None or new is None:
        if old is not new:
            yield Change(column=name, what="reference", before=_summary(old), after=_summary(new))
        return
    if old.missing != new.missing:
        yield Change(column=name, what="missing", before=f"{old.missing:.3%}", after=f"{new.missing:.3%}")
    if old != new:
        drift = None if type(old) is not type(new) else _distance(name, old, new, before)
        yield Change(column=name, what="values", before=_summary(old), after=_summary(new), drift=drift)


def _distance(name: str, old: Reference, new: Reference, before: ModelSpec) -> ColumnDrift:
    """The second reference judged as if it were a span of the first's model."""
    size = new.n * (1.0 - new.missing)
    try:
        counts = _shares_in(new, old) * size
    except NotComputableError as error:
        return ColumnDrift(column=name, n=round(size), not_computable=f"in the second spec {error}")
    column = Column(name=name, reference=old, counts=counts, calibrations=before.drift.columns.get(name, ()))
    alpha = level(before.drift.false_alarms_per_month, before.drift.span_seconds)
    return judge_columns([column], alpha, floors=before.drift.floors)[0]


def _shares_in(reference: Reference, into: Reference) -> Floats:
    """The shares of a reference in the bins of another of its type."""
    if isinstance(reference, NumericReference) and isinstance(into, NumericReference):
        return rebin(reference, into)
    assert isinstance(reference, CategoricalReference)  # noqa: S101 of one type
    assert isinstance(into, CategoricalReference)  # noqa: S101 of one type
    named = np.array([reference.shares.get(name, 0.0) for name in into.shares])
    return np.append(named, max(1.0 - named.sum(), 0.0))


def described(estimator: Estimator | None) -> str:
    """An estimator in a few words."""
    if estimator is None:
        return ""
    if estimator.loss is not None:
        return f"a loss model of {len(estimator.loss.weights)} columns, fitted on {estimator.rows:,} rows"
    points = sum(len(found.scores) for found in estimator.maps.values())
    return (
        f"isotonic maps of {len(estimator.maps)} classes ({points} points), fitted on {estimator.rows:,} rows"
    )


def _baseline(before: ModelSpec, after: ModelSpec) -> Iterator[Change]:
    for name in sorted(before.baseline.keys() | after.baseline.keys()):
        old, new = before.baseline.get(name), after.baseline.get(name)
        if old != new:
            texts = ["" if found is None else f"{found.mean:.4g} ± {found.std:.2g}" for found in (old, new)]
            yield Change(column="", what=name, before=texts[0], after=texts[1])
    if before.estimator != after.estimator:
        yield Change(
            column="",
            what="estimator",
            before=described(before.estimator),
            after=described(after.estimator),
        )


def _summary(reference: Reference | None) -> str:
    if reference is None:
        return ""
    if isinstance(reference, NumericReference):
        return f"mean {reference.mean:.4g} ± {reference.std:.3g}"
    return ", ".join(f"{name} {share:.0%}" for name, share in list(reference.shares.items())[:3])


def _range(feature: Feature) -> str:
    return f"{_text(feature.minimum)} to {_text(feature.maximum)}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
