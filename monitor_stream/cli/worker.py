"""`monitor-stream worker`."""

from __future__ import annotations

import click

from monitor_stream.cli.options import takes_settings
from monitor_stream.settings import Settings


@click.command
@takes_settings
def worker(settings: Settings) -> None:
    """Run a worker: it shares the partitions with all others of the same `application`."""
    from monitor_stream import topics

    topics.check(settings)
    from monitor_stream.stream.worker import run_worker

    run_worker(settings)
