"""Features that have one value all the time, where the reference has several.

They are judged on spans, like drift: an hour of the day is one value all the hour, and nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import DriftSpan, Finding
from monitor_stream.events.spec import CategoricalReference, Feature, ModelSpec, NumericReference
from monitor_stream.events.tables import MAX_COLUMNS
from monitor_stream.judge.moments import mean_and_std
from monitor_stream.judge.sums import Sums


class _Commonest(NamedTuple):
    """The commonest value of a span, how many of its n values are that one, and its share of the reference."""

    said: str
    held: float
    n: float
    usual: float


def frozen(
    span: DriftSpan, spec: ModelSpec, counts: Mapping[str, Floats], values: Sums, alpha: float
) -> Iterator[Finding]:
    """Check the features of a span, firing or not.

    The chance of one value all the time is its share to the power of how many values there are, or, where those of a span resemble
    each other, of how many independent ones they are worth: a weekday is one value a day, and nothing is wrong.
    Values that the reference counts together, or has not seen, need not be one value, and say nothing. The share of a number is
    at most that of its reference's largest bin.

    Parameters
    ----------
    counts
        Values by bin, by column.
    values
        Table `features` of the span, with the moments of numbers.
    alpha
        The chance of a false alarm that each feature may have.
    """
    for feature in spec.features[:MAX_COLUMNS]:
        found = _commonest(feature, counts, values)
        if found is not None and found.usual < 1.0:
            calibrations = spec.drift.columns.get(feature.name)
            effect = calibrations[0].design_effect if calibrations else 1.0
            yield _finding(span, feature.name, found, alpha=alpha, effect=effect)


def _commonest(feature: Feature, counts: Mapping[str, Floats], values: Sums) -> _Commonest | None:
    reference = feature.reference
    if isinstance(reference, CategoricalReference) and feature.name in counts and reference.shares:
        return _category(reference, counts[feature.name])
    block = values.tables.get("features")
    if isinstance(reference, NumericReference) and reference.std > 0.0 and block is not None:
        return _number(reference, block.row(feature.name))
    return None


def _category(reference: CategoricalReference, counts: Floats) -> _Commonest:
    held = dict(zip(reference.shares, counts.tolist(), strict=False))
    value = max(held, key=lambda each: held[each])
    return _Commonest(repr(value), held[value], float(counts.sum()), reference.shares[value])


def _number(reference: NumericReference, row: Floats) -> _Commonest | None:
    mean, std = mean_and_std(row, reference)
    if mean is None:
        return None
    n = float(row[0] - row[1] - row[2])  # less what is missing, and of a wrong type
    return _Commonest(f"{mean:.6g}", n if std == 0.0 else 0.0, n, max(reference.shares))


def _finding(span: DriftSpan, name: str, found: _Commonest, *, alpha: float, effect: float) -> Finding:
    constant = found.n > 0.0 and found.held == found.n
    firing = constant and found.usual ** (found.n / effect) <= alpha
    return Finding(
        signal="quality",
        check="frozen",
        column=name,
        firing=firing,
        direction="worse",
        start=span.start,
        end=span.end,
        n=int(found.n),
        value=found.held / found.n if found.n else 0.0,
        expected=found.usual,
        threshold=1.0,
        effect=1.0 if firing else 0.0,
        detail=f"{name} is {found.said} in all of {found.n:,.0f} values, usually in {100 * found.usual:.2g}%."
        if firing
        else "",
    )
