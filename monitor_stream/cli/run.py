"""`monitor-stream run`: a worker and the server as two child processes, for one machine.

Two processes, not two threads: a worker that is stuck or ends takes no page with it that would say so, and each runs
exactly as it does alone.
"""

from __future__ import annotations

import click

from monitor_stream.cli.options import takes_settings
from monitor_stream.settings import Settings


@click.command
@takes_settings
def run(settings: Settings) -> None:
    """Run a worker and the server together, until Ctrl-C or SIGTERM."""
    from monitor_stream import topics
    from monitor_stream.cli.family import run_family
    from monitor_stream.config import to_environment

    topics.check(settings)
    ended = run_family(("worker", "server"), to_environment(settings))
    if ended is not None:
        click.echo(
            f"monitor-stream: the {ended.name} ended with exit code {ended.code}; all are stopped.", err=True
        )
        click.get_current_context().exit(1)
