"""The web application: its routes, and what an error looks like."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.config.compression import CompressionConfig
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Server as ServerObject
from litestar.types import ASGIApp

from monitor_stream.errors import IncidentError, MonitorStreamError
from monitor_stream.incidents.desk import Desk
from monitor_stream.incidents.find import UnknownIncidentError
from monitor_stream.metrics.limits import SeriesLimits
from monitor_stream.metrics.registry import results_registry
from monitor_stream.server.acknowledge import acknowledging
from monitor_stream.server.api import api
from monitor_stream.server.conditional import ConditionalGet
from monitor_stream.server.health import health
from monitor_stream.server.page import page
from monitor_stream.server.paths import keep_encoded
from monitor_stream.server.reader import Reader
from monitor_stream.server.scrape import get_metrics
from monitor_stream.settings import Settings


class Problem(msgspec.Struct, frozen=True):
    """Why there is no answer, in the form of Litestar's own errors."""

    status_code: int
    detail: str


def create_app(settings: Settings, reader: Reader, desk: Desk) -> ASGIApp:
    """The application over one reader, and the desk where people speak of incidents."""
    limits = SeriesLimits(
        models=settings.max_exported_models,
        versions=settings.max_exported_versions,
        segments=settings.max_exported_segments,
        features=settings.max_exported_features,
    )
    registry = results_registry(reader, limits, settings.topic)
    return keep_encoded(
        Litestar(
            route_handlers=[page, api, acknowledging(read_only=settings.read_only), health, get_metrics],
            dependencies={
                "people": Provide(lambda: desk, sync_to_thread=False),
                "results": Provide(lambda: reader, sync_to_thread=False),
                "registry": Provide(lambda: registry, sync_to_thread=False),
            },
            exception_handlers={
                MonitorStreamError: _answer(503),
                IncidentError: _answer(400),
                UnknownIncidentError: _answer(404),
            },
            middleware=[ConditionalGet()],
            compression_config=CompressionConfig(backend="gzip", gzip_compress_level=4),
            openapi_config=OpenAPIConfig(
                title="monitor-stream",
                version=version("monitor-stream"),
                description="What is known of the models in production. Times in UTC, RFC 3339 or Unix seconds.",
                use_handler_docstrings=True,
                render_plugins=[JsonRenderPlugin()],
                servers=[ServerObject(url="/")],
            ),
            logging_config=None,
        )
    )


def _answer(status: int) -> Callable[[Request[Any, Any, Any], MonitorStreamError], Response[Problem]]:
    def answer(_: Request[Any, Any, Any], error: MonitorStreamError) -> Response[Problem]:
        return Response(Problem(status_code=status, detail=str(error)), status_code=status)

    return answer
