"""Categorical features that have one value all the time, where the reference has several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import DriftSpan, Finding
from monitor_stream.events.spec import CategoricalReference, ModelSpec
from monitor_stream.events.tables import MAX_COLUMNS


def frozen(span: DriftSpan, spec: ModelSpec, counts: Mapping[str, Floats], alpha: float) -> Iterator[Finding]:
    """Check the features of a span by their histograms, firing or not; for numbers see `values.check_values`.

    The chance of one value all the time is its share to the power of how many values there are, or, where those of a span resemble
    each other, of how many independent ones they are worth: a weekday is one value a day, and nothing is wrong.
    Values that the reference counts together, or has not seen, need not be one value, and say nothing.

    Parameters
    ----------
    counts
        Values by bin, by column.
    alpha
        The chance of a false alarm that each feature may have.
    """
    for feature in spec.features[:MAX_COLUMNS]:
        reference = feature.reference
        if not isinstance(reference, CategoricalReference) or feature.name not in counts:
            continue
        if max(reference.shares.values(), default=1.0) < 1.0:
            calibrations = spec.drift.columns.get(feature.name)
            effect = calibrations[0].design_effect if calibrations else 1.0
            yield _check(span, feature.name, reference, counts[feature.name], alpha=alpha, effect=effect)


def _check(
    span: DriftSpan,
    name: str,
    reference: CategoricalReference,
    counts: Floats,
    *,
    alpha: float,
    effect: float,
) -> Finding:
    n = float(counts.sum())
    held = dict(zip(reference.shares, counts.tolist(), strict=False))
    value = max(held, key=lambda each: held[each])
    constant = n > 0.0 and held[value] == n
    share = reference.shares[value]
    firing = constant and share ** (n / effect) <= alpha
    return Finding(
        signal="quality",
        check="frozen",
        column=name,
        firing=firing,
        direction="worse",
        start=span.start,
        end=span.end,
        n=int(n),
        value=held[value] / n if n else 0.0,
        expected=share,
        threshold=1.0,
        effect=1.0 if firing else 0.0,
        detail=f"{name} is {value!r} in all of {n:,.0f} values, usually in {100 * share:.2g}%."
        if firing
        else "",
    )
