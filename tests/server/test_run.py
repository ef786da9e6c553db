import asyncio
import re
import signal
import socket
import sys

import httpx
import msgspec
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from monitor_stream.errors import BrokerError, StoreError, TopicsError
from monitor_stream.events.fold import Topic
from monitor_stream.server import create_server, running
from monitor_stream.settings import Settings
from monitor_stream.state.memory import MemoryStore
from monitor_stream.state.redis import open_store
from tests.metrics.documents import flight_late
from tests.server.conftest import answering
from tests.server.writer import PARTITIONS, Writer, partition_counts
from tests.servers import KafkaServer, ValkeyServer

ROLES: tuple[Topic, ...] = (
    "predictions",
    "labels",
    "deltas",
    "windows",
    "drift",
    "incidents",
    "models",
    "deadletters",
)


@pytest.fixture
def settings(kafka: KafkaServer, valkey: ValkeyServer, unique: str) -> Settings:
    """Settings for a real broker and a real store, of which nothing else in this session knows."""
    return Settings(
        bootstrap=kafka.bootstrap, redis=valkey.url, application=unique, topic_prefix=unique, port=0
    )


def make_topics(settings: Settings) -> None:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    sizes = {"predictions": PARTITIONS["observe"], "labels": PARTITIONS["observe"]}
    made = admin.create_topics(
        [NewTopic(settings.topic(role), sizes.get(role, PARTITIONS["judge"]), 1) for role in ROLES]
    )
    for future in made.values():
        future.result(20)


@pytest.mark.integration
async def test_results_travel_from_redis_to_the_page(settings: Settings) -> None:
    """With partition counts from Kafka and documents from Redis, what a worker wrote is what the server tells."""
    make_topics(settings)
    store = await open_store(settings)
    writer = Writer(store)
    await writer.write(flight_late())
    await writer.write_sources()
    async with running(settings) as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/readyz")).json() == {"models": 1, "status": "ready"}
        page = (await client.get("/metrics")).text
    assert (
        f'monitor_stream_records_read_total{{topic="{settings.topic_prefix}.predictions"}} 290001.0' in page
    )
    assert 'monitor_stream_labels_total{model="flight-late",outcome="joined",version="3"} 277337.0' in page
    await store.close()


@pytest.mark.integration
async def test_what_is_missing_at_start_is_named(settings: Settings) -> None:
    """Without topics, store or broker there is one sentence with what was tried, and no server."""
    with pytest.raises(TopicsError, match=rf"no topic .*{settings.topic_prefix}\.predictions"):
        async with running(settings):
            pass
    make_topics(settings)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = f"127.0.0.1:{silent.getsockname()[1]}"
    with pytest.raises(StoreError, match=nobody):
        async with running(msgspec.structs.replace(settings, redis=f"redis://{nobody}/0")):
            pass
    with pytest.raises(BrokerError, match=nobody):
        async with running(msgspec.structs.replace(settings, bootstrap=nobody)):
            pass


@pytest.mark.integration
async def test_the_command_says_where_and_ends_on_request(settings: Settings) -> None:
    """`monitor-stream server` prints its address, answers there, and SIGTERM ends it well, with nothing left to say."""
    make_topics(settings)
    command = [
        sys.executable,
        "-m",
        "monitor_stream",
        "server",
        "--port",
        "0",
        "--topic-prefix",
        settings.topic_prefix,
    ]
    flags = [
        "--bootstrap",
        settings.bootstrap,
        "--redis",
        settings.redis,
        "--application",
        settings.application,
    ]
    process = await asyncio.create_subprocess_exec(
        *command, *flags, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, (line, await process.communicate())
    async with httpx.AsyncClient(base_url=found[0]) as client:
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/")).text.startswith("<!doctype html>")
    process.send_signal(signal.SIGTERM)
    rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


async def test_a_server_runs_beside_others_in_one_loop() -> None:
    """Servers share a loop and leave the process's signals alone."""
    before = signal.getsignal(signal.SIGTERM)
    servers = [create_server(Settings(port=0), MemoryStore(), partition_counts) for _ in range(2)]
    async with answering(servers[0]), answering(servers[1]), httpx.AsyncClient() as client:
        for server in servers:
            assert (await client.get(f"{server.url}healthz")).status_code == 200
        assert signal.getsignal(signal.SIGTERM) is before


async def test_every_address_has_a_link() -> None:
    """A server on all addresses, or on IPv6, prints a URL that a browser takes."""
    everywhere = create_server(Settings(host="0.0.0.0", port=0), MemoryStore(), partition_counts)  # noqa: S104
    six = create_server(Settings(host="::1", port=0), MemoryStore(), partition_counts)
    async with answering(everywhere), answering(six), httpx.AsyncClient() as client:
        assert everywhere.url.startswith("http://127.0.0.1:")
        assert six.url.startswith("http://[::1]:")
        assert (await client.get(f"{six.url}healthz")).status_code == 200
