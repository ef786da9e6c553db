"""Starting and stopping the server."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import click
import uvicorn

from monitor_stream.errors import SettingsError
from monitor_stream.events.fold import Message
from monitor_stream.incidents.desk import Desk
from monitor_stream.incidents.publish import publisher
from monitor_stream.server.app import create_app
from monitor_stream.server.headers import HEADERS
from monitor_stream.server.partitions import TopicPartitions
from monitor_stream.server.reader import Reader
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName, Store
from monitor_stream.state.redis import open_store


class Server:
    """A server that holds its port, and answers while `serve` runs.

    `port` is the one it listens on: where the setting was 0, the one that was free.
    """

    port: int

    def __init__(self, settings: Settings, reader: Reader, desk: Desk) -> None:
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                create_app(settings, reader, desk),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                headers=list(HEADERS),
                timeout_graceful_shutdown=3,
            )
        )
        self._socket = _bind(settings.host, settings.port)
        self._host, self.port = self._socket.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where to look, with a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 a comparison, not a bind
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    async def serve(self) -> None:
        """Answer until `stop`."""
        await self._uvicorn.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Let `serve` end, once the answers under way are sent. From any thread."""
        self._uvicorn.should_exit = True


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever owns the process."""
        yield


def create_server(
    settings: Settings,
    store: Store,
    partitions: Callable[[], Awaitable[Mapping[FoldName, int]]] | None = None,
    publish: Callable[[Message], Awaitable[None]] | None = None,
) -> Server:
    """Take the port and return the server, for the event loop that `store` belongs to.

    `partitions` tells how many partitions each fold has; by default Kafka is asked. `publish` tells others what people
    say of incidents; by default Kafka is told. Raises `SettingsError` when the port cannot be had.
    """
    reader = Reader(store, partitions or TopicPartitions(settings).counts)
    return Server(settings, reader, Desk(store, reader, publish or publisher(settings)))


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """Run the server in this event loop, and stop it at the end.

    Raises `StoreError` or `BrokerError` when Redis or Kafka cannot be reached, `TopicsError` when topics are missing,
    `SettingsError` when the port cannot be had.
    """
    partitions = TopicPartitions(settings)
    await partitions.counts()
    store = await open_store(settings)
    try:
        server = create_server(settings, store, partitions.counts)
        task = asyncio.create_task(server.serve())
        try:
            yield server
        finally:
            server.stop()
            await task
    finally:
        await store.close()


def serve(settings: Settings) -> None:
    """Run the server until SIGINT or SIGTERM. Raises as `running` does."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    async with running(settings) as server:
        click.echo(f"Live page {server.url}   metrics {server.url}metrics   API {server.url}schema")
        await asked_to_stop.wait()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"The server cannot listen on {host} port {port}: {error.strerror}. Choose another with --port, or 0."
        ) from error
