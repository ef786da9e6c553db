"""Answers that have not changed are not sent again: ETag and 304, for whoever polls every second."""

from __future__ import annotations

from typing import cast

import xxhash
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send


class ConditionalGet(ASGIMiddleware):
    """Names each whole answer to a GET by its content, and sends an empty 304 to who has it."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        known = Headers.from_scope(scope).get("if-none-match", "")
        held: HTTPResponseStartEvent | None = None

        async def send_named(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] == 200:
                held = message
                return
            if held is not None and message["type"] == "http.response.body":
                start, held = held, None
                tag = f'W/"{xxhash.xxh3_64_hexdigest(message["body"])}"'
                headers = MutableScopeHeaders(start)
                headers["etag"] = tag
                if tag in known:
                    start = cast("HTTPResponseStartEvent", {**start, "status": 304})
                    del headers["content-length"]
                    message = {**message, "body": b""}
                await send(start)
            await send(message)

        await next_app(scope, receive, send_named)
