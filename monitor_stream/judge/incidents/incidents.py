"""Incidents: what a person should know, one for one change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor_stream.events.results import Finding, Incident
from monitor_stream.events.spec import ModelSpec

#: Resolved incidents kept for readers, and findings kept as evidence of one incident.
MAX_RESOLVED: Final = 100
MAX_EVIDENCE: Final = 20


class IncidentsState(msgspec.Struct, array_like=True):
    """Open incidents by version, and the newest resolved ones, oldest first."""

    open: dict[str, Incident] = {}
    resolved: list[Incident] = []


class Incidents:
    """The incidents of a model.

    A change for the worse opens one for its version; whatever is found until it is resolved is evidence for
    it, not a second incident. A change for the better resolves it. An open warning that turns out to be beyond the
    baseline's limit becomes critical. Opening, becoming critical and being resolved are told once each.
    """

    def __init__(self, model: str, state: IncidentsState) -> None:
        self._model = model
        self.state = state

    def take(self, version: str, spec: ModelSpec, findings: Sequence[Finding]) -> list[Incident]:
        """Take in what was found of a version; the incidents whose state changed."""
        told = [self._see(version, finding, spec) for finding in findings]
        return [incident for incident in told if incident is not None]

    def is_open(self, version: str) -> bool:
        """Whether something is wrong with a version."""
        return version in self.state.open

    def document(self) -> list[Incident]:
        """Open ones first, then the resolved, the newest first."""
        newest = sorted(self.state.open.values(), key=lambda incident: incident.opened, reverse=True)
        return [*newest, *reversed(self.state.resolved)]

    def _see(self, version: str, finding: Finding, spec: ModelSpec) -> Incident | None:
        incident = self.state.open.get(version)
        if incident is None:
            return self._open(version, finding, spec) if finding.firing else None
        incident = _with_evidence(incident, finding)
        if not finding.firing:
            return self._resolve(incident, finding)
        raised = incident.severity == "warning" and finding.severity == "critical"
        if raised:
            summary = _worse(incident, finding, spec)
            incident = msgspec.structs.replace(incident, severity="critical", summary=summary)
        self.state.open[version] = incident
        return incident if raised else None

    def _open(self, version: str, finding: Finding, spec: ModelSpec) -> Incident:
        incident = Incident(
            id=_identity(self._model, version, finding),
            model=self._model,
            version=version,
            signals=[finding.signal],
            state="open",
            severity=finding.severity,
            direction=finding.direction,
            opened=finding.end,
            updated=finding.end,
            summary="",
            evidence=[finding],
        )
        incident = msgspec.structs.replace(incident, summary=_worse(incident, finding, spec))
        self.state.open[version] = incident
        return incident

    def _resolve(self, incident: Incident, finding: Finding) -> Incident:
        resolved = msgspec.structs.replace(
            incident, state="resolved", resolved=finding.end, summary=_better(incident, finding)
        )
        del self.state.open[incident.version]
        self.state.resolved = [*self.state.resolved, resolved][-MAX_RESOLVED:]
        return resolved


def _identity(model: str, version: str, finding: Finding) -> str:
    parts = [model, version, finding.signal, finding.end]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _with_evidence(incident: Incident, finding: Finding) -> Incident:
    evidence = incident.evidence
    if len(evidence) >= MAX_EVIDENCE:
        evidence = [evidence[0], *evidence[2:]]  # the one that opened it stays
    return msgspec.structs.replace(
        incident, updated=max(incident.updated, finding.end), evidence=[*evidence, finding]
    )


def _worse(incident: Incident, finding: Finding, spec: ModelSpec) -> str:
    limit = finding.threshold
    band = "no baseline is known" if limit is None else f"the baseline's limit is {limit:.4g}"
    signal = "mean absolute error" if spec.task == "regression" else "error rate"
    return (
        f"{incident.model} version {incident.version}: {signal} rose from {finding.expected:.4g} to "
        f"{finding.value:.4g}{_share(finding)} after {finding.n:,} scored predictions ({finding.check}), {band}; "
        "compare inputs and labels since then with the reference, and roll back or retrain if they are sound."
    )


def _better(incident: Incident, finding: Finding) -> str:
    return (
        f"{incident.model} version {incident.version}: the mean error fell from {finding.expected:.4g} to "
        f"{finding.value:.4g} after {finding.n:,} scored predictions ({finding.check}); it had been worse since "
        f"{incident.opened:%Y-%m-%d %H:%M} UTC."
    )


def _share(finding: Finding) -> str:
    return f" ({finding.value / finding.expected - 1.0:+.0%})" if finding.value and finding.expected else ""
