"""Whether the server lives, and whether it can answer."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import Router, get

from monitor_stream.server.api import Results


class Alive(msgspec.Struct, frozen=True):
    """The server's event loop turns."""

    status: Literal["ok"] = "ok"


class Ready(msgspec.Struct, frozen=True):
    """The results were read, of so many models."""

    models: int
    status: Literal["ready"] = "ready"


@get("/healthz", summary="Liveness")
async def get_health() -> Alive:
    """Whether the server lives. Says nothing of Kafka or the store: a restart would not bring them back."""
    return Alive()


@get("/readyz", summary="Readiness")
async def get_readiness(results: Results) -> Ready:
    """Whether the results can be read; 503 with the reason where they cannot."""
    return Ready(models=len((await results.read()).models))


health = Router("/", route_handlers=[get_health, get_readiness], tags=["Health"])
