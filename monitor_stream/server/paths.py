"""Names in a path: a model may be called ``team/churn``, and ``/api/models/team%2Fchurn`` must find it."""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send


def keep_encoded(app: ASGIApp) -> ASGIApp:
    """Route by the path as it was sent, still percent-encoded, so that only a handler decodes a name, once."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            scope["path"] = scope["raw_path"].decode("ascii")
        await app(scope, receive, send)

    return route
