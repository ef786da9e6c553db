"""A server over a store in memory, written to as a worker would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from monitor_stream.server import Server, create_server
from monitor_stream.settings import Settings
from monitor_stream.state.memory import MemoryStore
from tests.server.writer import Writer, partition_counts


@asynccontextmanager
async def answering(server: Server) -> AsyncIterator[Server]:
    """Run a server until the end of the block."""
    task = asyncio.create_task(server.serve())
    try:
        yield server
    finally:
        server.stop()
        await task


@pytest.fixture
def writer() -> Writer:
    return Writer(MemoryStore())


@pytest.fixture
async def server(writer: Writer) -> AsyncIterator[Server]:
    async with answering(create_server(Settings(port=0), writer.store, partition_counts)) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client
