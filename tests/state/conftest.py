"""Every kind of store there is, real servers where it takes one."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis

from monitor_stream.embedded.ports import free_ports
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Store
from monitor_stream.state.memory import MemoryStore
from monitor_stream.state.redis import open_store
from tests.commands import find_command
from tests.servers import ValkeyServer


@pytest.fixture(scope="session")
def debian_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis 7.0, which has no WAITAOF. Fails where Debian's server is not installed."""
    binary = find_command("redis-server")
    (port,) = free_ports(1)
    directory: Path = tmp_path_factory.mktemp("redis")
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        url = f"redis://127.0.0.1:{port}/0"
        with redis.Redis.from_url(url, retry=_patient()) as client:
            client.ping()
        yield url
        server.terminate()


def _patient() -> redis.retry.Retry:
    from redis.backoff import ConstantBackoff

    return redis.retry.Retry(ConstantBackoff(0.05), 100)


@pytest.fixture(params=["memory", "valkey", "redis"])
async def store(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Store]:
    """The store under test, with keys no other test has."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "valkey":
        server: ValkeyServer = request.getfixturevalue("valkey")
        url = server.url
    else:
        url = request.getfixturevalue("debian_redis")
    opened = await open_store(Settings(redis=url, application=unique[-40:]))
    yield opened
    await opened.close()
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(f"{{{unique[-40:]}:*"):
            client.delete(key)


Opener = Callable[[], Store]
