"""The contract of a store, and what is written in one commit.

All that belongs to one (fold, partition) lives in one place and changes in one atomic step: who may write (epoch and
owner), the offsets read so far, the fold's state, its results, and the outbox of messages not yet known to be
published. State is a function of the records below the offsets, so whatever commit survives is a consistent cut;
the fence protects the outbox and spares double work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from monitor_stream.events.fold import Changes, Message, State

FoldName = Literal["observe", "judge"]

#: Version of what is written below; another one is refused.
SCHEMA = 1


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to write: only the last claimer of a (fold, partition) has it.

    `epoch` rises with every claim, and none is given twice, even by a server that lost what it held.
    """

    fold: FoldName
    partition: int
    owner: str
    epoch: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Records about to be applied, from offset `first` up to `end`, for the `number`-th time.

    One that a claim finds was not survived: the worker ended, or the fold failed, while it applied them.
    """

    topic: str  # its role
    first: int
    end: int
    number: int


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim returns: everything of a (fold, partition), as of the last commit.

    `commit` is that commit's number; `outbox` holds the messages it and earlier ones left to publish, by number;
    `published` is the number of the newest message that was ever removed from it, 0 if there was none; `partitions` how
    many partitions the topic had by then, 0 if nothing was ever committed; `attempt` is the one that was under way, if
    any.
    """

    claim: Claim
    commit: int
    offsets: Mapping[str, int]  # topic role → the next offset to apply
    state: State
    outbox: Sequence[tuple[int, Message]]
    published: int = 0
    partitions: int = 0
    attempt: Attempt | None = None


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic step. `number` is one above the last commit's, so that a retry of an ambiguous write is harmless.

    `published` is the number of the newest outbox message known to be on Kafka: it and those below are removed.
    `partitions` is how many partitions the topic has: with another number keys lie elsewhere, and state is worth nothing.
    """

    number: int
    offsets: Mapping[str, int]
    changes: Changes
    results: Mapping[str, bytes | None]
    outbox: Sequence[tuple[int, Message]]
    published: int
    partitions: int = 0


class Store(Protocol):
    """Implemented on Redis and in memory; the same contract tests run on both."""

    async def claim(self, fold: FoldName, partition: int, owner: str) -> Holding:
        """Raise the epoch, become the only writer, and read everything.

        Raises `StoreError` when the store cannot be reached in time, `SchemaError` when what is held was written by
        a version that this one cannot read.
        """
        ...

    async def commit(self, claim: Claim, commit: Commit) -> bool:
        """Write all or nothing. False: the claim is no longer the last one, or an offset would go back.

        True also where this very commit was written before. Returns once the write is as durable as the server can
        tell. Raises `StoreError` when it is not known whether it was written: call again with the same commit.
        """
        ...

    async def attempt(self, claim: Claim, attempt: Attempt | None) -> bool:
        """Note what is about to be applied, or that it was survived. False: the claim is no longer the last one.

        Does not wait for the disk: it is told for the case that this worker ends, not the server. Commits leave it
        alone. Raises `StoreError` when it is not known whether it was noted.
        """
        ...

    async def results(self, fold: FoldName, partitions: int) -> dict[str, bytes]:
        """All documents of a fold over its partitions, for readers."""
        ...

    async def acknowledgements(self) -> dict[str, bytes]:
        """What people have said of incidents, by their id. It belongs to no partition, and a rebuild leaves it alone."""
        ...

    async def acknowledge(self, puts: Mapping[str, bytes], deletes: Sequence[str] = ()) -> None:
        """Write what people say of incidents, and remove what nobody needs any more."""
        ...

    async def close(self) -> None: ...


def by_document(partitions: Sequence[Mapping[str, bytes]]) -> dict[str, bytes]:
    """The documents of all partitions by name; one that several partitions hold goes by ``NAME@PARTITION``.

    >>> by_document([{"source": b"a", "model:m": b"m"}, {"source": b"b"}])
    {'source@0': b'a', 'model:m': b'm', 'source@1': b'b'}
    """
    holders = Counter(name for documents in partitions for name in documents)
    return {
        name if holders[name] == 1 else f"{name}@{partition}": document
        for partition, documents in enumerate(partitions)
        for name, document in documents.items()
    }
