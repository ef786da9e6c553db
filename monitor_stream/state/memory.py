"""The store in memory: the same contract without a server, for tests and for runs that need not survive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor_stream.events.fold import Message
from monitor_stream.state.contract import Attempt, Claim, Commit, FoldName, Holding, by_document


@dataclass
class _Held:
    """One (fold, partition)."""

    epoch: int = 0
    owner: str = ""
    commit: int = 0
    published: int = 0
    partitions: int = 0
    attempt: Attempt | None = None
    offsets: dict[str, int] = field(default_factory=dict)
    state: dict[str, bytes] = field(default_factory=dict)
    outbox: dict[int, Message] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)


class MemoryStore:
    """See `monitor_stream.state.contract.Store`.

    >>> import asyncio
    >>> asyncio.run(MemoryStore().claim("observe", 0, "worker-1")).claim.epoch
    1
    """

    #: What is in memory is as safe as it will ever be.
    durable = True

    def __init__(self) -> None:
        self._held: defaultdict[tuple[FoldName, int], _Held] = defaultdict(_Held)
        self._acknowledgements: dict[str, bytes] = {}

    async def claim(self, fold: FoldName, partition: int, owner: str) -> Holding:
        held = self._held[fold, partition]
        held.epoch += 1
        held.owner = owner
        return Holding(
            claim=Claim(fold=fold, partition=partition, owner=owner, epoch=held.epoch),
            commit=held.commit,
            offsets=held.offsets.copy(),
            state=held.state.copy(),
            outbox=sorted(held.outbox.items()),
            published=held.published,
            partitions=held.partitions,
            attempt=held.attempt,
        )

    async def commit(self, claim: Claim, commit: Commit) -> bool:
        held = self._held[claim.fold, claim.partition]
        if (held.epoch, held.owner) != (claim.epoch, claim.owner):
            return False
        if held.commit == commit.number:
            return True
        if held.commit + 1 != commit.number:
            return False
        if any(offset < held.offsets.get(role, 0) for role, offset in commit.offsets.items()):
            return False
        held.commit = commit.number
        held.offsets.update(commit.offsets)
        held.state.update(commit.changes.puts)
        for name in commit.changes.deletes:
            held.state.pop(name, None)
        for name, document in commit.results.items():
            if document is None:
                held.results.pop(name, None)
            else:
                held.results[name] = document
        held.outbox.update(commit.outbox)
        for number in range(held.published + 1, commit.published + 1):
            held.outbox.pop(number, None)
        held.published = commit.published
        held.partitions = commit.partitions
        return True

    async def attempt(self, claim: Claim, attempt: Attempt | None) -> bool:
        held = self._held[claim.fold, claim.partition]
        if (held.epoch, held.owner) != (claim.epoch, claim.owner):
            return False
        held.attempt = attempt
        return True

    async def results(self, fold: FoldName, partitions: int) -> dict[str, bytes]:
        return by_document([self._held[fold, partition].results for partition in range(partitions)])

    async def acknowledgements(self) -> dict[str, bytes]:
        return self._acknowledgements.copy()

    async def acknowledge(self, puts: Mapping[str, bytes], deletes: Sequence[str] = ()) -> None:
        for name in deletes:
            self._acknowledgements.pop(name, None)
        self._acknowledgements |= puts

    async def close(self) -> None:
        """Nothing to close; what is held stays, as it would on a server."""
