"""Incidents of a version as metrics: those that want somebody's attention, and apart from them the silenced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from monitor_stream.events.results import Incident, Severity, Signal
from monitor_stream.incidents.overlay import is_silenced
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.exposition import Exposition

#: What drifted, by the signals that tell of it.
_SCOPES: Final[Mapping[str, frozenset[Signal]]] = {
    "features": frozenset({"feature_drift", "multivariate_drift"}),
    "prediction": frozenset({"prediction_drift"}),
    "target": frozenset({"label_drift"}),
    "error": frozenset({"error"}),
}


def add_incidents(
    out: Exposition, of: tuple[str, str], incidents: Iterable[Incident], opened: Mapping[Severity, int]
) -> None:
    """Add the series of one version; `opened` counts its incidents since the first event."""
    unresolved = [incident for incident in incidents if incident.state == "open"]
    heard = [incident for incident in unresolved if not is_silenced(incident)]
    for severity in catalogue.SEVERITY.values:
        urgent = [incident for incident in heard if incident.severity == severity]
        all_urgent = sum(incident.severity == severity for incident in unresolved)
        out.add(catalogue.INCIDENTS, (*of, severity), len(urgent))
        out.add(catalogue.SILENCED, (*of, severity), all_urgent - len(urgent))
        out.add(catalogue.OPENED, (*of, severity), opened.get(severity, 0))  # type: ignore[call-overload]  # known values
        if urgent:
            oldest = min(incident.opened for incident in urgent)
            out.add(catalogue.OLDEST_INCIDENT, (*of, severity), oldest.timestamp())
    signals = Counter(signal for incident in heard for signal in incident.signals)
    for signal in catalogue.SIGNAL.values:
        out.add(catalogue.SIGNALS, (*of, signal), signals[signal])  # type: ignore[index]  # known values
    firing = {signal for incident in unresolved for signal in incident.signals}
    for scope in catalogue.SCOPE.values:
        out.add(catalogue.DRIFT_DETECTED, (*of, scope), bool(firing & _SCOPES[scope]))
