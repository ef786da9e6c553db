"""Writes result documents into a store as workers do, commit by commit."""

from dataclasses import dataclass

from monitor_stream.events.codec import encode_json
from monitor_stream.events.fold import Changes
from monitor_stream.events.results import ModelResults, SourceResults
from monitor_stream.state.contract import Claim, Commit, FoldName, Store
from tests.metrics.documents import sources

PARTITIONS: dict[FoldName, int] = {"observe": 2, "judge": 1}


async def partition_counts() -> dict[FoldName, int]:
    return PARTITIONS


@dataclass
class Writer:
    """The only worker of a store."""

    store: Store
    commits: int = 0
    judge: Claim | None = None

    async def write(self, *models: ModelResults, remove: tuple[str, ...] = ()) -> None:
        """Put documents in, and take others out."""
        documents: dict[str, bytes | None] = {f"model:{model.model}": encode_json(model) for model in models}
        await self.write_raw(documents | {f"model:{name}": None for name in remove})

    async def write_raw(self, documents: dict[str, bytes | None]) -> None:
        self.judge = self.judge or (await self.store.claim("judge", 0, "worker")).claim
        self.commits += 1
        assert await self.store.commit(self.judge, _commit(self.commits, documents))

    async def write_sources(self, documents: tuple[SourceResults, ...] = ()) -> None:
        for source in documents or sources():
            claim = (await self.store.claim("observe", source.partition, "worker")).claim
            assert await self.store.commit(claim, _commit(1, {"source": encode_json(source)}))


def _commit(number: int, documents: dict[str, bytes | None]) -> Commit:
    return Commit(number=number, offsets={}, changes=Changes(), results=documents, outbox=(), published=0)
