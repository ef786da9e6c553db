"""Incidents: what a person should know, one for one change."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from monitor_stream.events.results import Detection, Finding, Incident
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.performance import limits

#: Resolved incidents kept for readers, and detections kept as evidence of one incident.
MAX_RESOLVED: Final = 100
MAX_EVIDENCE: Final = 20


class IncidentsState(msgspec.Struct, array_like=True):
    """Open incidents by version, and the newest resolved ones, oldest first."""

    open: dict[str, Incident] = {}
    resolved: list[Incident] = []


class Incidents:
    """The incidents of a model.

    A change for the worse opens one for its version; whatever the detectors see until it is resolved is evidence for
    it, not a second incident. A change for the better resolves it. An open warning that turns out to be beyond the
    baseline's limit becomes critical. Opening, becoming critical and being resolved are told once each.
    """

    def __init__(self, state: IncidentsState) -> None:
        self.state = state

    def see(self, detection: Detection, spec: ModelSpec) -> Incident | None:
        """Take in a detection; the incident where its state changed, else ``None``."""
        incident = self.state.open.get(detection.version)
        if incident is None:
            return self._open(detection, spec) if detection.direction == "worse" else None
        incident = _with_evidence(incident, detection, spec)
        if detection.direction == "better":
            return self._resolve(incident, detection)
        raised = incident.severity == "warning" and _severity(detection, spec) == "critical"
        if raised:
            incident = msgspec.structs.replace(incident, severity="critical", summary=_worse(detection, spec))
        self.state.open[detection.version] = incident
        return incident if raised else None

    def is_open(self, version: str) -> bool:
        """Whether something is wrong with a version."""
        return version in self.state.open

    def document(self) -> list[Incident]:
        """Open ones first, then the resolved, the newest first."""
        newest = sorted(self.state.open.values(), key=lambda incident: incident.opened, reverse=True)
        return [*newest, *reversed(self.state.resolved)]

    def _open(self, detection: Detection, spec: ModelSpec) -> Incident:
        incident = Incident(
            id=_identity(detection),
            model=detection.model,
            version=detection.version,
            signals=["error"],
            state="open",
            severity=_severity(detection, spec),
            direction=detection.direction,
            opened=detection.event_time,
            updated=detection.event_time,
            summary=_worse(detection, spec),
            evidence=[_finding(detection, spec)],
        )
        self.state.open[detection.version] = incident
        return incident

    def _resolve(self, incident: Incident, detection: Detection) -> Incident:
        resolved = msgspec.structs.replace(
            incident, state="resolved", resolved=detection.event_time, summary=_better(incident, detection)
        )
        del self.state.open[detection.version]
        self.state.resolved = [*self.state.resolved, resolved][-MAX_RESOLVED:]
        return resolved


def _identity(detection: Detection) -> str:
    parts = [detection.model, detection.version, "error", detection.event_time]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _with_evidence(incident: Incident, detection: Detection, spec: ModelSpec) -> Incident:
    evidence = incident.evidence
    if len(evidence) >= MAX_EVIDENCE:
        evidence = [evidence[0], *evidence[2:]]  # the one that opened it stays
    return msgspec.structs.replace(
        incident,
        updated=max(incident.updated, detection.event_time),
        evidence=[*evidence, _finding(detection, spec)],
    )


def _finding(detection: Detection, spec: ModelSpec) -> Finding:
    return Finding(
        signal="error",
        check=detection.detector,
        severity=_severity(detection, spec),
        direction=detection.direction,
        start=detection.event_time,
        end=detection.event_time,
        n=detection.seen,
        value=detection.after,
        expected=detection.before,
        threshold=error_limit(spec),
    )


def _severity(detection: Detection, spec: ModelSpec) -> Literal["warning", "critical"]:
    enough = detection.seen >= spec.min_samples
    return "critical" if enough and _beyond_limit(detection, spec) else "warning"


def _beyond_limit(detection: Detection, spec: ModelSpec) -> bool:
    """Whether the error after the change lies outside the baseline's band; unknown is not outside."""
    limit = error_limit(spec)
    return limit is not None and detection.after > limit


def error_limit(spec: ModelSpec) -> float | None:
    """The baseline's limit for the error signal: that of the MAE, or of the error rate.

    >>> from monitor_stream.events.spec import Baseline
    >>> round(
    ...     error_limit(ModelSpec(model="m", task="binary", baseline={"accuracy": Baseline(0.9, 0.01, 10)})),
    ...     3,
    ... )
    0.13
    """
    known = limits(spec.task, spec.baseline)
    if spec.task == "regression":
        return known.get("mae")
    return 1.0 - known["accuracy"] if "accuracy" in known else None


def _worse(detection: Detection, spec: ModelSpec) -> str:
    limit = error_limit(spec)
    band = "no baseline is known" if limit is None else f"the baseline's limit is {limit:.4g}"
    return (
        f"{_subject(detection)}: {_signal(spec)} rose from {detection.before:.4g} to {detection.after:.4g}"
        f"{_share(detection)} after {detection.seen:,} scored predictions ({detection.detector}), {band}; compare "
        "inputs and labels since then with the reference, and roll back or retrain if they are sound."
    )


def _better(incident: Incident, detection: Detection) -> str:
    return (
        f"{_subject(detection)}: the mean error fell from {detection.before:.4g} to {detection.after:.4g} after "
        f"{detection.seen:,} scored predictions ({detection.detector}); it had been worse since "
        f"{incident.opened:%Y-%m-%d %H:%M} UTC."
    )


def _subject(detection: Detection) -> str:
    return f"{detection.model} version {detection.version}"


def _signal(spec: ModelSpec) -> str:
    return "mean absolute error" if spec.task == "regression" else "error rate"


def _share(detection: Detection) -> str:
    return f" ({detection.after / detection.before - 1.0:+.0%})" if detection.before > 0.0 else ""
