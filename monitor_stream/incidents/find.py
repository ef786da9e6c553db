"""Incidents by their ids, which people shorten."""

from __future__ import annotations

from collections.abc import Iterable

from monitor_stream.errors import IncidentError
from monitor_stream.events.results import Incident
from monitor_stream.metrics.documents import Documents


class UnknownIncidentError(IncidentError):
    """There is no such incident, or not just one."""


def all_incidents(documents: Documents) -> list[Incident]:
    """Incidents of all models: open ones first, then what is pending, then the resolved; of each the newest first."""
    incidents = [incident for model in documents.models.values() for incident in model.incidents]
    return sorted(
        incidents,
        key=lambda each: (each.state == "open", each.state == "pending", each.opened, each.id),
        reverse=True,
    )


def find_incident(incidents: Iterable[Incident], beginning: str) -> Incident:
    """The incident whose id begins so; raises `UnknownIncidentError` where there is none, or are several."""
    found = [incident for incident in incidents if beginning and incident.id.startswith(beginning)]
    exact = [incident for incident in found if incident.id == beginning]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise UnknownIncidentError(f"There is no incident {beginning!r}, open or among the newest resolved.")
    raise UnknownIncidentError(
        f"{len(found)} incidents begin with {beginning!r}: {', '.join(each.id for each in found[:5])}."
    )
