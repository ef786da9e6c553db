"""`monitor-stream rebuild`."""

from __future__ import annotations

import click

from monitor_stream.cli.options import takes_settings
from monitor_stream.settings import Settings


@click.command
@click.option("--yes", is_flag=True, help="Do not ask.")
@takes_settings
def rebuild(settings: Settings, yes: bool) -> None:
    """Forget all state and results: workers that start next read the log from its beginning.

    For when the store lost data or was restored from a backup (delta_forks above 0), or holds the state of another
    version. What the log's retention has removed is gone from the totals. Stop all workers first.
    """
    from monitor_stream.state.rebuild import find_workers, forget_all

    find_workers(settings)
    if not yes:
        click.confirm(
            f"Forget all that {settings.application} has counted, and read the log again from its beginning?",
            abort=True,
        )
    partitions = forget_all(settings)
    click.echo(
        f"{partitions} partitions are as new. Start the workers: they read the log from its beginning."
    )
