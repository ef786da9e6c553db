"""What happens to incidents and comparisons, as CloudEvents 1.0 in binary mode: attributes in headers, the thing itself as value.

Both travel on the topic of incidents; a reader tells them apart by their type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import quote

from monitor_stream.events.codec import encode_json, moment
from monitor_stream.events.fold import Message
from monitor_stream.events.results import Comparison, Incident
from monitor_stream.events.spec import spec_key

#: `escalated` is a warning that became critical, `eased` a critical one of which only a warning is left. People
#: acknowledge and silence, JUDGE tells the rest.
Happening = Literal["opened", "escalated", "eased", "resolved", "acknowledged", "silenced"]

#: What a comparison is first decided to be. Nobody is promoted by it.
Decision = Literal["better", "worse"]

TYPE_PREFIX: Final = "io.monitor-stream.incident."
DECISION_PREFIX: Final = "io.monitor-stream.comparison."
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
    return _message(
        incident.id,
        encode_json(incident),
        of=(incident.model, incident.version),
        identity=f"{incident.id}-{happening}-{at:.3f}",
        kind=TYPE_PREFIX + happening,
        at=at,
    )


def comparison_message(comparison: Comparison) -> Message:
    """The record that a challenger was found better, or worse, than the champion; its source is the challenger.

    >>> from datetime import UTC, datetime
    >>> day = datetime(2013, 3, 8, tzinfo=UTC)
    >>> comparison = Comparison(
    ...     model="churn", champion="3", challenger="4", paired=True, n=40_000, spans=9, since=day, until=day, decided=day,
    ...     champion_error=0.14, challenger_error=0.12, effect=-0.02, low=-0.03, high=-0.01, alpha=0.05, verdict="better",
    ... )  # fmt: skip
    >>> message = comparison_message(comparison)
    >>> message.key, dict(message.headers)["ce_type"], is_incident(message.headers)
    (b'churn/4', b'io.monitor-stream.comparison.better', False)
    """
    subject, at = spec_key(comparison.model, comparison.challenger), comparison.decided or comparison.until
    since = f"{comparison.champion}-{comparison.since.timestamp():.0f}"
    return _message(
        subject,
        encode_json(comparison),
        of=(comparison.model, comparison.challenger),
        identity=f"{subject}-{since}-{comparison.verdict}",
        kind=DECISION_PREFIX + comparison.verdict,
        at=at.timestamp(),
    )


def is_incident(headers: Iterable[tuple[str, bytes | str | None]]) -> bool:
    """Whether a record of the topic of incidents tells of one."""
    prefix = TYPE_PREFIX.encode()
    return any(
        name == "ce_type" and isinstance(value, bytes) and value.startswith(prefix) for name, value in headers
    )


def _message(
    subject: str, value: bytes, *, of: tuple[str, str], identity: str, kind: str, at: float
) -> Message:
    model, version = of
    attributes = {
        "ce_specversion": SPECVERSION,
        "ce_id": identity,
        "ce_source": f"/models/{quote(model, safe='')}/versions/{quote(version, safe='')}",
        "ce_type": kind,
        "ce_subject": subject,
        "ce_time": moment(at).isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    headers = tuple((name, value.encode()) for name, value in attributes.items())
    return Message("incidents", subject.encode(), value, headers)
