"""`monitor-stream server`."""

from __future__ import annotations

import click

from monitor_stream.cli.options import takes_settings
from monitor_stream.settings import Settings


@click.command
@takes_settings
def server(settings: Settings) -> None:
    """Run the server: /metrics, the API and the live page, from what the workers wrote to Redis."""
    from monitor_stream.server import serve

    serve(settings)
