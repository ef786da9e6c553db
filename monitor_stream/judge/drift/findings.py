"""What a judged span tells the incidents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from monitor_stream.events.results import ColumnDrift, DriftSpan, Finding, Signal
from monitor_stream.events.tables import PREDICTION, SCORE, TARGET
from monitor_stream.judge.drift.multivariate.rows import CLASSIFIER, HALF_SPACES, RECONSTRUCTION
from monitor_stream.judge.drift.vectors import CENTROID, DRIFTED_COMPONENTS

#: Bins or categories that a sentence names.
_NAMED: Final = 3

_SIGNAL: Final[dict[str, Signal]] = {
    PREDICTION: "prediction_drift",
    SCORE: "prediction_drift",
    TARGET: "label_drift",
}
_SUBJECT: Final = {
    PREDICTION: "the prediction",
    SCORE: "the score",
    TARGET: "the label",
    RECONSTRUCTION: "the way in which features go together",
    CLASSIFIER: "rows as a whole",
    HALF_SPACES: "how seldom rows like these are",
}


def findings(span: DriftSpan, *, closes: bool) -> list[Finding]:
    """A finding for each column, method on rows, vector, and one on exchanged features, firing or not.

    Parameters
    ----------
    closes
        Whether the span was not told before. Labels are told when it has settled, once; all else when it closes.

    What could not be computed tells nothing, neither that it moved nor that it did not.

    >>> from datetime import UTC, datetime
    >>> drift = ColumnDrift(
    ...     column="carrier", n=9000, method="js", value=0.3, expected=0.02, threshold=0.1, drifted=True,
    ...     top=[("UA", 0.2, 0.5), ("AA", 0.3, 0.1)],
    ... )  # fmt: skip
    >>> day = [datetime(2013, 3, at, tzinfo=UTC) for at in (1, 2)]
    >>> span = DriftSpan(
    ...     model="m", version="1", start=day[0], end=day[1], revision=1, settled=False, n=9000, reference="",
    ...     columns=[drift],
    ... )  # fmt: skip
    >>> [(found.signal, found.column, found.detail) for found in findings(span, closes=True)][0]
    ('feature_drift', 'carrier', 'carrier moved: js 0.3 is 3.0 times its threshold; UA 20 % → 50 %, AA 30 % → 10 %.')
    """
    return list(_findings(span, closes=closes))


def _findings(span: DriftSpan, *, closes: bool) -> Iterator[Finding]:
    for column in span.columns:
        due = span.settled if column.column == TARGET else closes
        if due and column.value is not None:
            signal = _SIGNAL.get(column.column, "feature_drift")
            yield _finding(span, column, signal, column.column, column.method or "")
    if not closes or span.not_computable:
        return
    for method in span.multivariate:
        if method.value is not None:
            name, check = (method.column, CENTROID) if _is_vector(method) else ("", method.column)
            yield _finding(span, method, "multivariate_drift", name, check)
    yield _swapped(span)


def _finding(span: DriftSpan, found: ColumnDrift, signal: Signal, column: str, check: str) -> Finding:
    return Finding(
        signal=signal,
        check=check,
        column=column,
        firing=found.drifted,
        start=span.start,
        end=span.end,
        n=found.n,
        value=found.value,
        expected=found.expected,
        threshold=found.threshold,
        effect=effect(found),
        detail=sentence(found),
        top=found.top if found.drifted else [],
    )


def _is_vector(found: ColumnDrift) -> bool:
    return DRIFTED_COMPONENTS in found.others


def effect(found: ColumnDrift) -> float:
    """How many times its threshold a value is."""
    return found.value / found.threshold if found.value is not None and found.threshold else 0.0


def sentence(found: ColumnDrift) -> str:
    """What moved, for a person, with the shares that changed most."""
    subject = _SUBJECT.get(found.column, found.column)
    if not found.drifted:
        return f"{subject} did not move beyond chance over {found.n:,} values."
    if _is_vector(found):
        components = _share(found.others[DRIFTED_COMPONENTS])
        return (
            f"{subject} moved: its centroid by {found.value:.3g} standard deviations, {effect(found):.1f} times its threshold; "
            f"{components} of its components moved."
        )
    moved = [f"{name} {_share(before)} → {_share(now)}" for name, before, now in found.top[:_NAMED]]
    shares = f"; {', '.join(moved)}" if moved else ""
    method = found.method or found.column
    return f"{subject} moved: {method} {found.value:.3g} is {effect(found):.1f} times its threshold{shares}."


def _share(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if share >= 0.1 or share == 0.0 else f"{100 * share:.2g} %"


def _swapped(span: DriftSpan) -> Finding:
    """One for all pairs: values that were exchanged are exchanged back by one person at one place.

    `value` counts the columns that hold values of another. It takes two, each of which confirms the other, so there is no
    need for a second look.
    """
    held = float(len({column for pair in span.swapped for column in pair}))
    pairs = ", ".join(f"{one} and {other}" for one, other in span.swapped)
    return Finding(
        signal="quality",
        check="swapped",
        firing=bool(span.swapped),
        start=span.start,
        end=span.end,
        n=span.n,
        value=held,
        expected=0.0,
        threshold=1.0,
        effect=held,
        detail=f"{pairs} seem to have exchanged their values."
        if pairs
        else "no features exchanged their values.",
    )
