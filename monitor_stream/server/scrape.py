"""What Prometheus scrapes."""

from __future__ import annotations

import asyncio

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from prometheus_client.registry import CollectorRegistry

from monitor_stream.metrics.registry import render
from monitor_stream.server.api import Results


@get(
    "/metrics",
    media_type="text/plain",
    summary="Metrics",
    tags=["Health"],
)
async def get_metrics(
    request: Request[None, None, State],
    results: Results,
    registry: NamedDependency[CollectorRegistry],
) -> Response[bytes]:
    """For Prometheus: its text format, or OpenMetrics where the Accept header asks for it."""
    await results.read()
    page, content_type = await asyncio.to_thread(render, registry, request.headers.get("accept", ""))
    return Response(page, headers={"content-type": content_type})
