"""The fleet at a glance: a row a model version, small enough to be asked for every second."""

from __future__ import annotations

import time
from typing import Literal

import msgspec

from monitor_stream.events.results import Incident, ModelResults, Rolling, VersionResults
from monitor_stream.events.spec import Stage, Task
from monitor_stream.metrics.catalogue import MEASURE_OF
from monitor_stream.metrics.documents import Documents

RollingName = Literal["5m", "1h", "1d"]

#: The one metric that tells best, at a glance, how wrong a model of a task is.
HEADLINE: dict[Task, str] = {"regression": "mae", "binary": "accuracy", "multiclass": "accuracy"}


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """The metric that stands for a version: over the shortest of the last windows that has enough labels.

    `state` compares it with `limit`, where the spec's baseline gives one.
    """

    metric: str
    window: RollingName
    value: float
    scored: int
    baseline: float | None
    limit: float | None
    state: Literal["within", "outside", "unknown"]


class FleetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one model. Times are Unix seconds; all but `updated` are event time.

    `labelled_share` is that of all predictions so far, `severity` that of the most urgent open incident, `contradicted` says
    that labels do not bear out the estimates.
    """

    model: str
    version: str
    task: Task
    stage: Stage
    owner: str
    tier: str
    inferred: bool
    predictions: int
    failed: int
    scored: int
    pending: int
    labelled_share: float | None
    headline: Headline | None
    baseline: dict[str, float]
    baseline_limit: dict[str, float]
    rolling: dict[RollingName, Rolling]
    drift_detected: bool
    contradicted: bool
    open_incidents: int
    severity: Literal["warning", "critical"] | None
    newest_prediction: float | None
    newest_label: float | None
    updated: float


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All versions, those with open incidents first.

    `now` is the server's clock, to compare `updated` with; `higher_is_better` names the metrics of which that is so,
    of the others with a limit lower is better.
    """

    now: float
    dead_letters: int
    higher_is_better: list[str]
    versions: list[FleetRow]


def survey(documents: Documents) -> Fleet:
    """The fleet, from its documents."""
    rows = [
        _row(model, version)
        for model in documents.models.values()
        for version in sorted(
            model.versions.values(), key=lambda each: each.newest_prediction or 0.0, reverse=True
        )
    ]
    return Fleet(
        now=time.time(),
        dead_letters=sum(
            count
            for source in documents.sources
            for reasons in source.dead_letters.values()
            for count in reasons.values()
        ),
        higher_is_better=[name for name, measure in MEASURE_OF.items() if measure.higher_is_better],
        versions=sorted(rows, key=_urgency),
    )


def _urgency(row: FleetRow) -> int:
    return {"critical": 0, "warning": 1, None: 2}[row.severity]


def _row(model: ModelResults, version: VersionResults) -> FleetRow:
    incidents = [each for each in model.incidents if each.version == version.version and each.state == "open"]
    predictions = sum(version.totals.predictions.values())
    return FleetRow(
        model=model.model,
        version=version.version,
        task=version.task,
        stage=version.stage,
        owner=version.owner,
        tier=version.tier,
        inferred=version.inferred,
        predictions=predictions,
        failed=version.totals.failed,
        scored=sum(version.totals.scored.values()),
        pending=version.pending,
        labelled_share=version.totals.outcomes.get("joined", 0) / predictions if predictions else None,
        headline=_headline(version),
        baseline=version.baseline,
        baseline_limit=version.baseline_limit,
        rolling=version.rolling,
        drift_detected=version.drift_detected,
        contradicted=version.contradiction is not None and version.contradiction.active,
        open_incidents=len(incidents),
        severity=_severity(incidents),
        newest_prediction=version.newest_prediction,
        newest_label=version.newest_label,
        updated=model.updated,
    )


def _severity(incidents: list[Incident]) -> Literal["warning", "critical"] | None:
    if not incidents:
        return None
    return "critical" if any(each.severity == "critical" for each in incidents) else "warning"


def _headline(version: VersionResults) -> Headline | None:
    metric = HEADLINE[version.task]
    computed = [
        (name, rolling.metrics)
        for name, rolling in version.rolling.items()
        if metric in rolling.metrics.values
    ]
    if not computed:
        return None
    enough = [each for each in computed if each[1].scored >= version.min_samples]
    window, metrics = (
        min(enough, key=lambda each: each[1].scored)
        if enough
        else max(computed, key=lambda each: each[1].scored)
    )
    limit = version.baseline_limit.get(metric)
    return Headline(
        metric=metric,
        window=window,
        value=metrics.values[metric],
        scored=metrics.scored,
        baseline=version.baseline.get(metric),
        limit=limit,
        state=_compare(metric, metrics.values[metric], limit),
    )


def _compare(metric: str, value: float, limit: float | None) -> Literal["within", "outside", "unknown"]:
    if limit is None:
        return "unknown"
    worse = value < limit if MEASURE_OF[metric].higher_is_better else value > limit
    return "outside" if worse else "within"
