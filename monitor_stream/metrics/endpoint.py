"""A worker's own pages, answered by threads: they can be read while the event loop is stuck."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import make_wsgi_app

from monitor_stream.errors import SettingsError
from monitor_stream.metrics.probes import Verdict, liveness, readiness
from monitor_stream.metrics.registry import worker_registry
from monitor_stream.stream.health import WorkerHealth

#: How long a client may take over a request.
REQUEST_SECONDS: Final = 10.0


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, *_: object) -> None:
        """Nothing: a probe comes every few seconds."""


@contextmanager
def worker_endpoint(
    snapshot: Callable[[], WorkerHealth], host: str, port: int, *, lag_seconds: float = 30.0
) -> Iterator[int]:
    """Serve `/metrics`, `/healthz` and `/readyz` until the end of the block; yields the port, a free one for 0.

    `snapshot` is called in other threads; `lag_seconds` is how far behind a worker may be that is ready. Raises
    `SettingsError` when the port cannot be had.
    """
    pages = _pages(snapshot, lag_seconds)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        server = make_server(
            host, port, pages, _Server6 if family == socket.AF_INET6 else _Server, handler_class=_Handler
        )
    except OSError as error:
        raise SettingsError(
            f"A worker's metrics cannot listen on {host} port {port}: {error.strerror}. "
            "Choose another with --worker-port, or 0."
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="worker-endpoint", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pages(snapshot: Callable[[], WorkerHealth], lag_seconds: float) -> WSGIApplication:
    pages: dict[str, WSGIApplication] = {
        "/metrics": make_wsgi_app(worker_registry(snapshot)),
        "/healthz": _probe(lambda: liveness(snapshot(), time.time())),
        "/readyz": _probe(lambda: readiness(snapshot(), time.time(), lag_seconds)),
    }

    def page(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        found = pages.get(environ.get("PATH_INFO", ""))
        if found is None:
            return _say(start, "404 Not Found", f"There are {', '.join(pages)}.")
        return found(environ, start)

    return page


def _probe(ask: Callable[[], Verdict]) -> WSGIApplication:
    def probe(_: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        verdict = ask()
        return _say(start, "200 OK" if verdict.well else "503 Service Unavailable", verdict.sentence)

    return probe


def _say(start: StartResponse, status: str, sentence: str) -> Iterable[bytes]:
    body = f"{sentence}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start(status, headers)
    return [body]
