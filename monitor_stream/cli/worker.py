"""`monitor-stream worker`."""

from __future__ import annotations

import click

from monitor_stream.cli.options import takes_settings
from monitor_stream.settings import Settings


@click.command
@takes_settings
def worker(settings: Settings) -> None:
    """Run a worker: it shares the partitions with all others of the same `application`.

    Its own /metrics, /healthz and /readyz are served on `worker_port`; several workers of one machine need a port each,
    or 0.
    """
    from monitor_stream.metrics.endpoint import worker_endpoint
    from monitor_stream.stream.health import WorkerStats
    from monitor_stream.stream.worker import run_worker

    stats = WorkerStats()
    with worker_endpoint(
        stats.snapshot, settings.host, settings.worker_port, lag_seconds=settings.ready_lag_seconds
    ) as port:
        click.echo(f"monitor-stream: worker metrics at http://{settings.host}:{port}/metrics", err=True)
        run_worker(settings, stats=stats)
