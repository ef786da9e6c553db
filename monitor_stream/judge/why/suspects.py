"""Features that may be why: what moved or broke, by how much the model leans on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from monitor_stream.events.results import Finding, Suspect
from monitor_stream.events.spec import Feature

#: Features that are named.
MAX_SUSPECTS: Final = 10


def suspects(
    findings: Iterable[Finding], features: Iterable[Feature], leaning: Mapping[str, float]
) -> list[Suspect]:
    """The features that moved or broke, by drift times importance, the most suspect first.

    Parameters
    ----------
    findings
        Those that fired at about the time; of drift of features and of the quality of their values these count.
    features
        Those of the spec, with their importance where it is known.
    leaning
        Shares of attributions, which stand in where the spec knows no importance at all.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2013, 3, 1, tzinfo=UTC)
    >>> found = [
    ...     Finding(signal="feature_drift", check="psi", column=name, start=at, end=at, effect=effect)
    ...     for name, effect in [("hour", 6.0), ("carrier", 2.0)]
    ... ]
    >>> features = [
    ...     Feature(name="carrier", kind="categorical", importance=9.0),
    ...     Feature(name="hour", kind="numeric", importance=1.0),
    ... ]
    >>> [(each.feature, round(each.rank, 1)) for each in suspects(found, features, {})]
    [('carrier', 1.8), ('hour', 0.6)]
    """
    shares = importance_shares(features, leaning)
    strongest: dict[str, Finding] = {}
    tops: dict[str, Finding] = {}
    for finding in findings:
        if finding.signal not in {"feature_drift", "quality"} or not finding.column:
            continue
        strongest[finding.column] = max(strongest.get(finding.column, finding), finding, key=_strength)
        if finding.signal == "feature_drift":
            tops[finding.column] = finding
    found = [
        Suspect(
            feature=name,
            rank=finding.effect * shares.get(name, 1.0 / max(len(shares), len(strongest))),
            drift=finding.effect,
            importance=shares.get(name),
            top=tops[name].top if name in tops else [],
            detail=finding.detail,
        )
        for name, finding in strongest.items()
    ]
    return sorted(found, key=lambda each: (-each.rank, each.feature))[:MAX_SUSPECTS]


def importance_shares(features: Iterable[Feature], leaning: Mapping[str, float]) -> dict[str, float]:
    """Each feature's share of all importance, where somebody said: the spec, or else attributions. Sums to 1, or is empty.

    >>> importance_shares(
    ...     [
    ...         Feature(name="a", kind="numeric", importance=3.0),
    ...         Feature(name="b", kind="numeric", importance=1.0),
    ...     ],
    ...     {},
    ... )
    {'a': 0.75, 'b': 0.25}
    """
    named = {f.name: max(f.importance, 0.0) for f in features if f.importance is not None}
    weights = named if any(named.values()) else dict(leaning)
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > 0.0 else {}


def _strength(finding: Finding) -> tuple[float, bool, str]:
    return finding.effect, finding.signal == "feature_drift", finding.check
