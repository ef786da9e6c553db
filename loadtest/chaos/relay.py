"""TCP relays on loopback, one before each server, that can be told to misbehave.

No privileges, no network namespaces: a worker is told the relay's address, and the broker advertises it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Final, Self

_CHUNK: Final = 1 << 18


class Relays:
    """Runs relays in a thread of its own; a context manager that ends it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._relays: list[Relay] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for relay in self._relays:
            relay.end()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # a transport closes its socket in a later turn of the loop

    def open(self) -> Relay:
        """A relay whose upstream is not known yet."""
        relay = Relay(self._loop)
        self._relays.append(relay)
        asyncio.run_coroutine_threadsafe(relay.listen(), self._loop).result(10.0)
        return relay


class Relay:
    """One listening port, and the port its connections are passed on to (`upstream`)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: set[_Connection] = set()
        self.upstream = 0
        self.port = 0
        self.passing = asyncio.Event()
        self.passing.set()
        self.to_swallow = 0
        self.swallowed = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def end(self) -> None:
        """Close all; in the loop."""
        self._server.close()
        for connection in list(self._connections):
            connection.drop()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    # From any thread

    def cut(self) -> None:
        """Pass nothing on, in either direction, and say so to nobody: a cable that was pulled."""
        self._call(self.passing.clear)

    def mend(self) -> None:
        """Drop the connections that were cut, and pass on new ones."""
        self._call(self._mend)

    def swallow(self, requests: int) -> None:
        """Pass on so many requests that run a script, throw away their answers, and drop their connections."""
        self.to_swallow = requests

    def _mend(self) -> None:
        for connection in list(self._connections):
            connection.drop()
        self.passing.set()

    def _call(self, function: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(function)


class _Connection:
    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._relay = relay
        self._reader = reader
        self._writer = writer
        self._upstream: asyncio.StreamWriter | None = None
        self._swallow = False

    async def run(self) -> None:
        with contextlib.suppress(OSError):
            await self._relay.passing.wait()
            reader, self._upstream = await asyncio.open_connection("127.0.0.1", self._relay.upstream)
            await asyncio.gather(
                self._pump(self._reader, self._upstream, self._request),
                self._pump(reader, self._writer, self._answer),
            )
        self.drop()

    def drop(self) -> None:
        for writer in (self._writer, self._upstream):
            if writer is not None:
                writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes], bool]
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._relay.passing.wait()
            if not see(data):
                break
            writer.write(data)
            await writer.drain()
        self.drop()

    def _request(self, data: bytes) -> bool:
        if self._relay.to_swallow > 0 and not self._swallow and b"EVAL" in data:
            self._relay.to_swallow -= 1
            self._swallow = True
        return True

    def _answer(self, data: bytes) -> bool:
        if self._swallow:
            self._relay.swallowed += 1
        return not self._swallow
