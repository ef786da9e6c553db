import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from monitor_stream.embedded import Valkey
from monitor_stream.errors import SchemaError, StoreError
from monitor_stream.server.reader import Reader
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName
from monitor_stream.state.memory import MemoryStore
from monitor_stream.state.redis import open_store
from tests.metrics.documents import bike_demand, flight_late
from tests.server.writer import Writer, partition_counts


class Counted(MemoryStore):
    """A store that counts how often it was read."""

    reads = 0

    async def results(self, fold: FoldName, partitions: int) -> dict[str, bytes]:
        self.reads += 1
        return await super().results(fold, partitions)


async def test_many_readers_cost_one_read() -> None:
    """However many ask within a second, the store is read once: one call a fold."""
    store = Counted()
    await Writer(store).write(flight_late())
    reader = Reader(store, partition_counts)
    answers = await asyncio.gather(*(reader.read() for _ in range(50)))
    assert store.reads == 2
    assert all(answer is answers[0] for answer in answers)


async def test_documents_come_by_name_and_partition(writer: Writer) -> None:
    """Models are sorted by name, sources by partition, and an unchanged document is decoded once."""
    await writer.write(flight_late(), bike_demand())
    await writer.write_sources()
    reader = Reader(writer.store, partition_counts)
    first = await reader.read()
    assert list(first.models) == ["bike-demand", "flight-late"]
    assert [source.partition for source in first.sources] == [0, 1]
    await writer.write(flight_late(predictions=300_000))
    reader._read_at = float("-inf")  # a second has passed
    second = await reader.read()
    assert second.models["bike-demand"] is first.models["bike-demand"]
    assert sum(second.models["flight-late"].versions["3"].totals.predictions.values()) == 300_000


async def test_the_newest_of_two_documents_counts(writer: Writer) -> None:
    """Where a model moved to another partition, the document left behind is passed over."""
    old, new = flight_late(predictions=1, updated=1.0), flight_late(predictions=2, updated=2.0)
    await writer.write_raw(
        {"model:flight-late@0": msgspec.json.encode(new), "model:flight-late@1": msgspec.json.encode(old)}
    )
    documents = await Reader(writer.store, partition_counts).read()
    assert documents.models["flight-late"].updated == 2.0


async def test_a_document_of_another_version_is_refused(writer: Writer) -> None:
    """A document that does not fit is an error with its name, and the next good one ends it."""
    await writer.write_raw({"model:m": b'{"model": "m"}'})
    reader = Reader(writer.store, partition_counts)
    with pytest.raises(SchemaError, match="'model:m' was written by another version"):
        await reader.read()
    assert reader.failures == 1
    await writer.write(flight_late(), remove=("m",))
    reader._read_at = float("-inf")
    assert list((await reader.read()).models) == ["flight-late"]


@pytest.mark.integration
async def test_a_store_that_is_gone_is_reported_once_a_second(tmp_path: Path) -> None:
    """When the store dies, all readers get its sentence, one of them has paid for it, and the failure is counted."""
    with Valkey.start(tmp_path) as valkey:
        store = await open_store(Settings(redis=valkey.url))
        reader = Reader(store, partition_counts)
        assert not (await reader.read()).models
    reader._read_at = float("-inf")
    began = time.monotonic()
    outcomes = await asyncio.gather(*(reader.read() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(outcome, StoreError) for outcome in outcomes)
    assert time.monotonic() - began < 5
    assert reader.failures == 1
    await store.close()
