"""A worker's own page of metrics, answered by a thread: it can be read while the event loop is stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from monitor_stream.errors import SettingsError
from monitor_stream.metrics.registry import worker_registry
from monitor_stream.stream.health import WorkerHealth


@contextmanager
def worker_endpoint(snapshot: Callable[[], WorkerHealth], host: str, port: int) -> Iterator[int]:
    """Serve a worker's health as metrics at any path until the end of the block; yields the port, a free one for 0.

    `snapshot` is called in other threads. Raises `SettingsError` when the port cannot be had.
    """
    try:
        server, thread = start_http_server(port, host, registry=worker_registry(snapshot))
    except OSError as error:
        raise SettingsError(
            f"A worker's metrics cannot listen on {host} port {port}: {error.strerror}. "
            "Choose another with --worker-port, or 0."
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
