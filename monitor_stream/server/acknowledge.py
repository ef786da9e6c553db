"""Acknowledging and silencing incidents: the only requests that change anything."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta

from monitor_stream.errors import IncidentError
from monitor_stream.events.results import Incident
from monitor_stream.incidents.desk import MAX_SILENCE_SECONDS, Desk
from monitor_stream.server.api import Identity

By = Annotated[str, Meta(min_length=1, max_length=200, description="Who says so.")]
Note = Annotated[str, Meta(max_length=2_000, description="What others should know.")]
People = NamedDependency[Desk]


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody has seen an incident."""

    by: By
    note: Note = ""


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nobody wants to hear of an incident for so many seconds (0 ends a silence), or until a time."""

    by: By
    note: Note = ""
    for_seconds: Annotated[float, Meta(ge=0.0, le=MAX_SILENCE_SECONDS)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None

    def end(self, now: float) -> float:
        """When it ends, in Unix seconds; raises `IncidentError` where that is not said, or twice."""
        if (self.for_seconds is None) == (self.until is None):
            raise IncidentError("A silence needs either `for_seconds` or `until`.")
        if self.until is None:
            return now + (self.for_seconds or 0.0)
        if self.until.timestamp() <= now:
            raise IncidentError("`until` has passed; `for_seconds` 0 ends a silence.")
        return self.until.timestamp()


@post("/{identity:str}/acknowledge", status_code=200, summary="Acknowledge an incident")
async def acknowledge(people: People, identity: Identity, data: JSONBody[Acknowledge]) -> Incident:
    """Say that somebody has seen it. It stays open, and a silence goes on."""
    return await people.acknowledge(identity, by=data.by, note=data.note)


@post("/{identity:str}/silence", status_code=200, summary="Silence an incident")
async def silence(people: People, identity: Identity, data: JSONBody[Silence]) -> Incident:
    """Have alerts leave an open incident out, for a time."""
    return await people.silence(identity, by=data.by, note=data.note, until=data.end(time.time()))


def refuse_strangers(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let no other site's page do this with a visitor's browser.

    A form cannot send JSON, and a script of another origin may not without asking first, which nobody here answers.
    """
    headers = connection.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(
            status_code=415, detail="The body must be JSON, with the content type application/json."
        )
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise PermissionDeniedException("Another site may not do this.")


def refuse_writing(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
    """Of a server that only answers."""
    raise PermissionDeniedException(
        "This server is read-only (setting read_only): use another, or the command line."
    )


def acknowledging(*, read_only: bool) -> Router:
    """The routes."""
    guards = [refuse_writing] if read_only else [refuse_strangers]
    return Router("/api/incidents", route_handlers=[acknowledge, silence], guards=guards, tags=["Incidents"])
