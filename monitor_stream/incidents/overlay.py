"""What people said, laid over what JUDGE found."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from monitor_stream.events.results import Acknowledgement, Incident, ModelResults


def lay_over(model: ModelResults, said: Mapping[str, Acknowledgement]) -> ModelResults:
    """The document with what was said of its incidents; the same one where nothing was."""
    if not any(incident.id in said for incident in model.incidents):
        return model
    incidents = [
        msgspec.structs.replace(incident, acknowledged=said.get(incident.id)) for incident in model.incidents
    ]
    return msgspec.structs.replace(model, incidents=incidents)


def is_silenced(incident: Incident, now: float | None = None) -> bool:
    """Whether nobody wants to hear of an incident at a time in Unix seconds, by default now."""
    said = incident.acknowledged
    if said is None or said.silenced_until is None:
        return False
    return said.silenced_until.timestamp() > (time.time() if now is None else now)
