"""The store on Redis or Valkey: one hash a (fold, partition), one Lua call a commit."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import msgspec
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from monitor_stream.errors import SchemaError, SettingsError, StoreError
from monitor_stream.events.fold import Message
from monitor_stream.settings import Settings
from monitor_stream.state.contract import SCHEMA, Attempt, Claim, Commit, FoldName, Holding, by_document
from monitor_stream.state.scripts import ATTEMPT, CLAIM, COMMIT, FORGET, Script

log = logging.getLogger(__name__)

#: Longer than a healthy server ever takes for one answer, a save to disk under way included.
TIMEOUT_SECONDS: Final = 10.0
#: How long a commit waits to be on disk before it is asked again. `appendfsync everysec` takes up to two seconds.
DISK_TIMEOUT_SECONDS: Final = 5.0
#: Fields read in one call while a state is loaded.
LOAD_FIELDS: Final = 64

_encode_message = msgspec.msgpack.Encoder().encode
_decode_message = msgspec.msgpack.Decoder(Message).decode
_encode_attempt = msgspec.json.Encoder().encode
_decode_attempt = msgspec.json.Decoder(Attempt).decode


async def open_store(settings: Settings) -> RedisStore:
    """Connect, and find out what the server can promise.

    Raises `StoreError` when it cannot be reached, `SettingsError` when its address cannot be read. A server that
    cannot confirm a write to disk is accepted, with a warning; `RedisStore.durable` says which it is.
    """
    try:
        client = aioredis.Redis.from_url(
            settings.redis,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS / 2,
            # Once more at once, on a new connection: the pooled one may have died with a restarted server. Safe, as
            # a claim or a commit that is made twice does no harm.
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError as error:
        raise SettingsError(f"The setting `redis` is not the URL of a Redis server: {error}.") from None
    store = RedisStore(client, settings.application)
    try:
        await store.probe()
    except BaseException:
        await store.close()
        raise
    return store


class RedisStore:
    """See `monitor_stream.state.contract.Store`.

    Parameters
    ----------
    client
        A client of redis-py that does not decode answers.
    application
        Names the keys: ``{APPLICATION:FOLD:PARTITION}:state`` and ``…:results``, and ``APPLICATION:acknowledgements``.
    """

    def __init__(self, client: aioredis.Redis, application: str) -> None:
        self._client = client
        self._application = application
        self._acknowledged = f"{application}:acknowledgements"
        self.address: Final = _address(client)
        #: Whether the server confirms that a commit is on disk.
        self.durable = False

    async def probe(self) -> None:
        """Ask the server what it can promise; raises `StoreError` when it does not answer."""
        async with self._errors("reach"):
            await self._client.ping()
            refused = await self._refusal_to_confirm()
        if refused is not None:
            log.warning(
                "The store at %s cannot confirm that a commit is on disk; it takes Redis 7.2 or Valkey, with "
                "`appendonly yes` (%s). Should it crash, the last moments before may be published twice and differ.",
                self.address,
                refused,
            )
        self.durable = refused is None
        try:
            memory = await self._client.info("memory")
        except RedisError:  # a managed server may not tell
            return
        if (policy := memory.get("maxmemory_policy", "noeviction")) != "noeviction":
            log.warning(
                "The store at %s may drop state when memory is short (maxmemory-policy %s). Set it to noeviction.",
                self.address,
                policy,
            )

    async def _refusal_to_confirm(self) -> ResponseError | None:
        """What the server says that cannot confirm a write; raises where it is merely not able to just now."""
        try:
            await self._client.waitaof(1, 0, int(DISK_TIMEOUT_SECONDS * 1000))
        except ResponseError as error:
            # A replica takes no writes. Should it become the primary, it has to confirm them as others do.
            return None if "replica" in str(error) else error
        return None

    async def claim(self, fold: FoldName, partition: int, owner: str) -> Holding:
        key = self._key(fold, partition, "state")
        async with self._errors("claim a partition in"):
            epoch, answer = await self._run(CLAIM, [key], [owner, SCHEMA])
            if epoch == 0:
                raise SchemaError(
                    f"The state of {fold}, partition {partition}, in the store at {self.address} has schema "
                    f"{answer.decode()}; this version reads schema {SCHEMA}. Run the version that wrote it, or rebuild "
                    "the state from the log: monitor-stream rebuild."
                )
            fields = await self._load(key, answer)
        if fields.get("@epoch") != str(epoch).encode() or fields.get("@owner") != owner.encode():
            raise StoreError(
                f"Another worker claimed {fold}, partition {partition}, in the store at {self.address} while it was "
                "being loaded."
            )
        return Holding(
            claim=Claim(fold=fold, partition=partition, owner=owner, epoch=epoch),
            commit=int(fields.get("@commit", 0)),
            offsets={role: int(offset) for role, offset in _under("offset:", fields)},
            state=dict(_under("state:", fields)),
            outbox=sorted((int(number), _decode_message(data)) for number, data in _under("outbox:", fields)),
            published=int(fields.get("@published", 0)),
            partitions=int(fields.get("@partitions", 0)),
            attempt=_decode_attempt(fields["@attempt"]) if "@attempt" in fields else None,
        )

    async def commit(self, claim: Claim, commit: Commit) -> bool:
        keys = [self._key(claim.fold, claim.partition, kind) for kind in ("state", "results")]
        arguments = _arguments(claim, commit)
        async with self._errors("commit to"):
            written, on_disk = await self._run_durably(COMMIT, keys, arguments)
        if written and not on_disk:
            raise StoreError(
                f"The store at {self.address} has not confirmed within {DISK_TIMEOUT_SECONDS:g} s that a commit is "
                "on disk."
            )
        return written

    async def attempt(self, claim: Claim, attempt: Attempt | None) -> bool:
        key = self._key(claim.fold, claim.partition, "state")
        noted = b"" if attempt is None else _encode_attempt(attempt)
        async with self._errors("write to"):
            return bool(await self._run(ATTEMPT, [key], [claim.epoch, claim.owner, noted]))

    async def results(self, fold: FoldName, partitions: int) -> dict[str, bytes]:
        async with self._errors("read results from"):
            pipeline = self._client.pipeline(transaction=False)
            for partition in range(partitions):
                pipeline.hgetall(self._key(fold, partition, "results"))
            answers = await pipeline.execute()
        return by_document([{name.decode(): data for name, data in answer.items()} for answer in answers])

    async def acknowledgements(self) -> dict[str, bytes]:
        async with self._errors("read acknowledgements from"):
            answer = await cast("Awaitable[dict[bytes, bytes]]", self._client.hgetall(self._acknowledged))
        return {name.decode(): data for name, data in answer.items()}

    async def acknowledge(self, puts: Mapping[str, bytes], deletes: Sequence[str] = ()) -> None:
        async with self._errors("write an acknowledgement to"):
            pipeline = self._client.pipeline(transaction=True)
            if deletes:
                pipeline.hdel(self._acknowledged, *deletes)
            if puts:
                pipeline.hset(self._acknowledged, items=[item for put in puts.items() for item in put])
            await pipeline.execute()

    async def pulse(self, fold: FoldName, partition: int) -> tuple[int, int]:
        """The epoch and the number of the last commit: while a worker holds the partition, they move."""
        async with self._errors("look into"):
            epoch, commit = await cast(
                "Awaitable[list[bytes | None]]",
                self._client.hmget(self._key(fold, partition, "state"), ["@epoch", "@commit"]),
            )
        return int(epoch or 0), int(commit or 0)

    async def forget(self, fold: FoldName, partition: int, offsets: Mapping[str, int]) -> None:
        """Drop state, outbox and results, whatever their schema. The next claimer reads from these offsets, by topic
        role, and where there is none from the beginning; whoever holds a claim is shut out.
        """
        keys = [self._key(fold, partition, kind) for kind in ("state", "results")]
        pairs = [item for role, offset in offsets.items() for item in (f"offset:{role}", offset)]
        async with self._errors("clear a partition in"):
            await self._run(FORGET, keys, [SCHEMA, *pairs])

    async def close(self) -> None:
        await self._client.aclose()

    def _key(self, fold: FoldName, partition: int, kind: str) -> str:
        return f"{{{self._application}:{fold}:{partition}}}:{kind}"

    async def _load(self, key: str, names: Sequence[bytes]) -> dict[str, bytes]:
        """Read all fields, a few at a time: a state of a hundred megabytes must not stop the server for others.

        Nobody else can write after the claim, so that what is read piece by piece is one state; `@epoch` and
        `@owner` are read last, to know that this was so.
        """
        ordered = [name for name in names if name not in {b"@epoch", b"@owner"}] + [b"@epoch", b"@owner"]
        fields: dict[str, bytes] = {}
        for start in range(0, len(ordered), LOAD_FIELDS):
            some = ordered[start : start + LOAD_FIELDS]
            values = cast("list[bytes | None]", await self._client.hmget(key, some))
            fields.update(
                (name.decode(), value) for name, value in zip(some, values, strict=True) if value is not None
            )
        return fields

    async def _run(self, script: Script, keys: list[str], arguments: Sequence[Any]) -> Any:
        try:
            return await self._client.evalsha(script.digest, len(keys), *keys, *arguments)
        except NoScriptError:  # the server was restarted since, or never saw it
            return await self._client.eval(script.source, len(keys), *keys, *arguments)

    async def _run_durably(
        self, script: Script, keys: list[str], arguments: Sequence[Any]
    ) -> tuple[bool, bool]:
        """Run the script and wait for the disk, on one connection: WAITAOF speaks of its own connection's writes.

        Returns whether the script wrote, and whether that is on disk (or the server cannot tell).
        """
        for command, what in (("EVALSHA", script.digest), ("EVAL", script.source)):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.execute_command(command, what, len(keys), *keys, *arguments)
            if self.durable:
                pipeline.execute_command("WAITAOF", 1, 0, int(DISK_TIMEOUT_SECONDS * 1000))
            answers = await pipeline.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, Exception) and not isinstance(answer, NoScriptError):
                    raise answer
            if not isinstance(answers[0], NoScriptError):
                return answers[0] == 1, not self.durable or answers[1][0] >= 1
        raise StoreError(f"The store at {self.address} does not keep scripts.")

    @asynccontextmanager
    async def _errors(self, what: str) -> AsyncIterator[None]:
        try:
            yield
        except RedisError as error:
            raise StoreError(
                f"Could not {what} the store at {self.address}: {str(error) or type(error).__name__}"
            ) from error


def _address(client: aioredis.Redis) -> str:
    """Where the server is, without user and password."""
    options = client.connection_pool.connection_kwargs
    if path := options.get("path"):
        return str(path)
    return (
        f"{options.get('host', 'localhost')}:{options.get('port', 6379)}, database {options.get('db') or 0}"
    )


def _under(prefix: str, fields: dict[str, bytes]) -> Iterable[tuple[str, bytes]]:
    return ((name.removeprefix(prefix), value) for name, value in fields.items() if name.startswith(prefix))


def _arguments(claim: Claim, commit: Commit) -> list[str | bytes | int]:
    """The arguments of the commit script; see there."""
    arguments: list[str | bytes | int] = [claim.epoch, claim.owner, commit.number, commit.published]

    def add(items: list[str | bytes | int]) -> None:
        arguments.append(len(items))
        arguments.extend(items)

    add([item for role, offset in commit.offsets.items() for item in (f"offset:{role}", offset)])
    puts: list[str | bytes | int] = ["@partitions", commit.partitions]
    for name, value in commit.changes.puts.items():
        puts += (f"state:{name}", value)
    for number, message in commit.outbox:
        puts += (f"outbox:{number}", _encode_message(message))
    add(puts)
    add([f"state:{name}" for name in commit.changes.deletes])
    add([item for name, data in commit.results.items() if data is not None for item in (name, data)])
    add([name for name, data in commit.results.items() if data is None])
    return arguments
