"""What only a server can do: be away, be restarted, hold another version's state."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import redis

from monitor_stream.embedded import Valkey
from monitor_stream.embedded.ports import free_ports
from monitor_stream.errors import SchemaError, SettingsError, StoreError
from monitor_stream.events.fold import Message
from monitor_stream.settings import Settings
from monitor_stream.state.redis import open_store
from tests.servers import ValkeyServer
from tests.state.test_contract import commit


async def test_a_server_that_is_away_is_named_without_its_password() -> None:
    """The sentence says where the store was looked for, and keeps the password to itself."""
    (port,) = free_ports(1)
    with pytest.raises(StoreError, match=f"127.0.0.1:{port}, database 2") as raised:
        await open_store(Settings(redis=f"redis://someone:hush-hush@127.0.0.1:{port}/2"))
    assert "hush" not in str(raised.value)
    assert "someone" not in str(raised.value)


async def test_a_wrong_password_is_an_error_without_it(valkey: ValkeyServer) -> None:
    """A refused password is a store error that does not repeat it."""
    with pytest.raises(StoreError) as raised:
        await open_store(Settings(redis=valkey.url.replace("redis://", "redis://someone:hush-hush@")))
    assert "hush" not in str(raised.value)


async def test_an_address_that_is_none_is_a_settings_error() -> None:
    """A URL that cannot be read is the user's to mend, in the settings."""
    with pytest.raises(SettingsError, match="redis"):
        await open_store(Settings(redis="http://example.com"))


async def test_state_of_another_version_is_refused(valkey: ValkeyServer, unique: str) -> None:
    """A claim of state with another schema raises, and takes nothing from whoever can read it."""
    store = await open_store(Settings(redis=valkey.url, application=unique))
    holding = await store.claim("observe", 0, "a")
    with redis.Redis.from_url(valkey.url) as client:
        client.hset(f"{{{unique}:observe:0}}:state", "@schema", "99")
    with pytest.raises(SchemaError, match=r"schema 99.*rebuild"):
        await store.claim("observe", 0, "b")
    assert await store.commit(holding.claim, commit(1))
    await store.close()


async def test_a_message_of_an_older_version_has_no_headers(valkey: ValkeyServer, unique: str) -> None:
    """What a worker left to publish before messages had headers is published all the same."""
    store = await open_store(Settings(redis=valkey.url, application=unique))
    older = msgspec.msgpack.encode({"topic": "windows", "key": b"k", "value": b"v"})
    with redis.Redis.from_url(valkey.url) as client:
        client.hset(f"{{{unique}:judge:0}}:state", "outbox:7", older)
    assert (await store.claim("judge", 0, "b")).outbox == [(7, Message("windows", b"k", b"v"))]
    await store.close()


async def test_a_durable_server_is_recognised(valkey: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
    """Valkey with its append-only file confirms that a commit is on disk, and there is nothing to warn of."""
    with caplog.at_level(logging.WARNING):
        store = await open_store(Settings(redis=valkey.url))
    await store.close()
    assert store.durable
    assert not caplog.records


async def test_a_replica_is_not_taken_for_one_that_cannot_confirm(tmp_path: Path) -> None:
    """A worker that starts in the middle of a fail-over does not go on for ever without the word of its store."""
    with Valkey.start(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", 1)
        store = await open_store(Settings(redis=server.url))
        assert store.durable
        with pytest.raises(StoreError, match="read only replica"):
            await store.claim("observe", 0, "a")
        client.replicaof("NO", "ONE")
        holding = await store.claim("observe", 0, "a")
        assert await store.commit(holding.claim, commit(1))
        await store.close()


async def test_a_broken_connection_is_not_taken_for_one_that_cannot_confirm(valkey: ValkeyServer) -> None:
    """When the network fails at the moment of asking, nobody knows what the server can promise."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(valkey.url)
        answers, requests = await asyncio.open_connection(url.hostname, url.port)
        while (data := await reader.read(1 << 16)) and b"WAITAOF" not in data:
            requests.write(data)
            writer.write(await answers.read(1 << 16))
        requests.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(StoreError, match=f"reach the store at 127.0.0.1:{port}"):
        await open_store(Settings(redis=f"redis://127.0.0.1:{port}/0"))
    server.close()


async def test_a_server_that_cannot_confirm_is_warned_of(
    debian_redis: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An older server is accepted, with one warning that says what is at stake."""
    with caplog.at_level(logging.WARNING):
        store = await open_store(Settings(redis=debian_redis))
    await store.close()
    assert not store.durable
    assert ["cannot confirm that a commit is on disk" in record.message for record in caplog.records] == [
        True
    ]


async def test_a_server_that_may_evict_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """State must not be dropped when memory is short: a policy that would is said at start."""
    with (
        Valkey.start(tmp_path, configuration={"maxmemory-policy": "allkeys-lru"}) as server,
        caplog.at_level(logging.WARNING),
    ):
        await (await open_store(Settings(redis=server.url))).close()
    assert "allkeys-lru" in caplog.text


async def test_what_was_committed_survives_a_crash_of_the_server(tmp_path: Path) -> None:
    """A commit that returned is there after the server was killed; the claim goes on, though the scripts are gone."""
    with Valkey.start(tmp_path) as server:
        store = await open_store(Settings(redis=server.url))
        holding = await store.claim("observe", 0, "a")
        for number in range(1, 4):
            assert await store.commit(holding.claim, commit(number, offsets={"labels": number}))
        server.kill()
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            await store.commit(holding.claim, commit(4, offsets={"labels": 4}))
        server.restart()
        assert await store.commit(holding.claim, commit(4, offsets={"labels": 4}))
        assert (await store.claim("observe", 0, "b")).offsets == {"labels": 4}
        await store.close()


async def test_a_server_without_memory_writes_nothing(tmp_path: Path) -> None:
    """A commit that does not fit is a store error, and the state is as it was before."""
    with Valkey.start(tmp_path) as server:
        store = await open_store(Settings(redis=server.url))
        holding = await store.claim("observe", 0, "a")
        assert await store.commit(holding.claim, commit(1, puts={"n": b"1"}))
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "1mb")
            with pytest.raises(StoreError, match="maxmemory"):
                await store.commit(holding.claim, commit(2, puts={"n": b"2"}))
            client.config_set("maxmemory", "0")
        assert await store.commit(holding.claim, commit(2, puts={"m": b"2"}))
        assert (await store.claim("observe", 0, "b")).state == {"n": b"1", "m": b"2"}
        await store.close()


async def test_no_epoch_is_given_twice_even_when_the_store_was_lost(
    valkey: ValkeyServer, unique: str
) -> None:
    """After a restore from a backup, or with nothing at all, a claim has an epoch that nobody had: forks are seen."""
    store = await open_store(Settings(redis=valkey.url, application=unique))
    key = f"{{{unique}:observe:0}}:state"
    await store.claim("observe", 0, "a")
    with redis.Redis.from_url(valkey.url) as client:
        backup = client.dump(key)
        given = [(await store.claim("observe", 0, owner)).claim.epoch for owner in "bcd"]
        client.restore(key, 0, backup, replace=True)
        restored = (await store.claim("observe", 0, "e")).claim
        client.delete(key)
        emptied = (await store.claim("observe", 0, "f")).claim
    assert given == sorted(set(given))
    assert max(given) < restored.epoch < emptied.epoch
    assert await store.commit(emptied, commit(1))
    await store.close()
