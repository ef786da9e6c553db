"""What happens to an incident, as a CloudEvent 1.0 in binary mode: attributes in headers, the incident as value."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

from monitor_stream.events.codec import encode_json, moment
from monitor_stream.events.fold import Message
from monitor_stream.events.results import Incident

#: `escalated` is a warning that became critical, `eased` a critical one of which only a warning is left. People
#: acknowledge and silence, JUDGE tells the rest.
Happening = Literal["opened", "escalated", "eased", "resolved", "acknowledged", "silenced"]

TYPE_PREFIX: Final = "io.monitor-stream.incident."
SPECVERSION: Final = "1.0"


def incident_message(incident: Incident, happening: Happening, at: float) -> Message:
    """The record that says so; `at` is in Unix seconds, of event time where JUDGE tells it.

    Source and id follow from what happened: a record that is published twice is known by them.

    >>> from datetime import UTC, datetime
    >>> day = datetime(2013, 3, 8, tzinfo=UTC)
    >>> incident = Incident(
    ...     id="c92fa17b", model="team/churn", version="3", state="open", severity="warning", direction="worse",
    ...     signals=["error"], opened=day, updated=day, summary="…",
    ... )  # fmt: skip
    >>> message = incident_message(incident, "opened", day.timestamp())
    >>> message.key, dict(message.headers)["ce_type"], dict(message.headers)["ce_source"]
    (b'c92fa17b', b'io.monitor-stream.incident.opened', b'/models/team%2Fchurn/versions/3')
    """
    attributes = {
        "ce_specversion": SPECVERSION,
        "ce_id": f"{incident.id}-{happening}-{at:.3f}",
        "ce_source": f"/models/{quote(incident.model, safe='')}/versions/{quote(incident.version, safe='')}",
        "ce_type": TYPE_PREFIX + happening,
        "ce_subject": incident.id,
        "ce_time": moment(at).isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    headers = tuple((name, value.encode()) for name, value in attributes.items())
    return Message("incidents", incident.id.encode(), encode_json(incident), headers)
