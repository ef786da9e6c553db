"""Where people acknowledge and silence incidents."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

import msgspec

from monitor_stream.errors import IncidentError, SchemaError
from monitor_stream.events.cloudevents import Happening, incident_message
from monitor_stream.events.codec import decode_json, encode_json, moment
from monitor_stream.events.fold import Message
from monitor_stream.events.results import Acknowledgement, Incident
from monitor_stream.events.spec import DAY
from monitor_stream.incidents.find import all_incidents, find_incident
from monitor_stream.metrics.documents import Documents
from monitor_stream.state.contract import Store

#: The longest silence. What should be silent for longer should be mended, or its limits changed.
MAX_SILENCE_SECONDS: Final = 90 * DAY
#: What was said is kept for so long, and longer while its incident is open or silent.
KEPT_SECONDS: Final = 30 * DAY
#: Incidents of which something is kept; beyond it the oldest words go.
MAX_KEPT: Final = 1_000


class Source(Protocol):
    """Reads documents, and keeps them for a moment."""

    async def read(self) -> Documents: ...

    def forget(self) -> None: ...


class Desk:
    """See the module's docstring.

    Parameters
    ----------
    documents
        Where the newest documents are read, what was said included.
    publish
        Tells it to others. Raises nothing: what was said is in the store by then.
    """

    def __init__(
        self,
        store: Store,
        documents: Source,
        publish: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._store = store
        self._documents = documents
        self._publish = publish

    async def acknowledge(self, identity: str, *, by: str, note: str = "") -> Incident:
        """Say that somebody has seen an incident; a silence goes on. Raises `UnknownIncidentError`."""
        incidents = all_incidents(await self._documents.read())
        incident = find_incident(incidents, identity)
        before = (await self._kept()).get(incident.id)
        until = before.silenced_until if before else None
        said = Acknowledgement(by=by, at=moment(time.time()), note=note, silenced_until=until)
        return await self._say("acknowledged", incident, said, incidents)

    async def silence(self, identity: str, *, by: str, until: float, note: str = "") -> Incident:
        """Hear nothing of an incident until a time in Unix seconds; one that has passed ends a silence.

        Raises `UnknownIncidentError`, and `IncidentError` where the incident is resolved or the time too far.
        """
        now = time.time()
        incidents = all_incidents(await self._documents.read())
        incident = find_incident(incidents, identity)
        if incident.state == "resolved":
            raise IncidentError(f"Incident {incident.id} is resolved: there is nothing to silence.")
        if until - now > MAX_SILENCE_SECONDS:
            raise IncidentError(f"A silence lasts {MAX_SILENCE_SECONDS / DAY:g} days at most.")
        said = Acknowledgement(by=by, at=moment(now), note=note, silenced_until=moment(max(until, 0.0)))
        return await self._say("silenced", incident, said, incidents)

    async def _say(
        self, happening: Happening, incident: Incident, said: Acknowledgement, incidents: Iterable[Incident]
    ) -> Incident:
        old = superfluous(await self._kept() | {incident.id: said}, incidents, said.at.timestamp())
        await self._store.acknowledge({incident.id: encode_json(said)}, old)
        self._documents.forget()
        incident = msgspec.structs.replace(incident, acknowledged=said)
        await self._publish(incident_message(incident, happening, said.at.timestamp()))
        return incident

    async def _kept(self) -> dict[str, Acknowledgement]:
        return read_acknowledgements(await self._store.acknowledgements())


def read_acknowledgements(stored: Mapping[str, bytes]) -> dict[str, Acknowledgement]:
    """What the store holds, by incident; raises `SchemaError`."""
    try:
        return {identity: decode_json(Acknowledgement, data) for identity, data in stored.items()}
    except msgspec.DecodeError as error:
        raise SchemaError(
            f"What was said of an incident was written by another version of monitor-stream: {error}."
        ) from error


def superfluous(kept: Mapping[str, Acknowledgement], incidents: Iterable[Incident], now: float) -> list[str]:
    """The incidents of which nothing need be kept any more.

    An incident that is not known may be so again, after a rebuild: only age counts.
    """
    living = {incident.id for incident in incidents if incident.state != "resolved"}

    def is_needed(identity: str, said: Acknowledgement) -> bool:
        until = said.silenced_until
        last = max(said.at.timestamp(), until.timestamp() if until else 0.0)
        return identity in living or now - last < KEPT_SECONDS

    needed = [identity for identity, said in kept.items() if is_needed(identity, said)]
    newest = sorted(needed, key=lambda identity: kept[identity].at, reverse=True)[:MAX_KEPT]
    return sorted(kept.keys() - set(newest))
