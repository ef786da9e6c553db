"""Faust's Kafka consumer, made to hand over whole fetches, and to take partitions before it reads them.

Stock Faust spends some hundred microseconds on each record. Here one fetch of a partition is one event for an agent,
stamped with the tenancy under which it was fetched. Three rules make it exact:

- Fetching, and claiming and seeking, exclude each other (`_seeking`): no fetch is under way across a seek.
- The stamp is set under the same lock: what was fetched before a claim is dropped after it.
- The lock is never held while flow is stopped: it would keep `perform_seek`, which starts the flow again, waiting.
"""

# ruff: noqa: SLF001  # private names are what this file is about; engine_check lists each

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import ServiceT

from monitor_stream.errors import MonitorStreamError
from monitor_stream.stream.fetch import Fetch
from monitor_stream.stream.places import Place
from monitor_stream.stream.tenancies import Tenancies

log = logging.getLogger(__name__)

#: How long one fetch waits for records: as long may a claim wait for the lock.
FETCH_SECONDS: Final = 0.2
#: How long leaving the group may take.
LEAVE_SECONDS: Final = 2.0

#: How often a topic's end is told again while nothing comes of it. The broker speaks of it each 1.5 s or more often.
TELL_SECONDS: Final = 1.0

Records = Mapping[TP, list[Any]]


class End(NamedTuple):
    """Where reading stands (`position`), and where the partition ended when the broker told that, in Unix seconds."""

    position: int
    end: int
    told: float


#: Partitions of which no end is known yet are left out.
Ends = Mapping[TP, End]


class BatchThread(driver.AIOKafkaConsumerThread):
    """The thread aiokafka runs in; what is called from here runs there."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        """Faust's consumer, which here reads no records of aborted transactions."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_thread_stop(self) -> None:
        """Leave the group, unless the broker does not answer: the group notices that by itself.

        A fetch that waits to try again comes out of aiokafka's `stop` as a cancellation. Let through, it would end this
        thread without a word to Faust, which then waits a minute for it.
        """
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await super().on_thread_stop()
        except (TimeoutError, asyncio.CancelledError):
            log.warning("Kafka did not answer when this worker left; its group finds out by itself.")

    async def fetch(self, partitions: set[TP], seconds: float) -> tuple[Records, Ends]:
        """What has come of these partitions, waiting so long for something to come."""
        fetched: tuple[Records, Ends] = await self.call_thread(self._fetch, partitions, seconds)
        return fetched

    async def _fetch(self, partitions: set[TP], seconds: float) -> tuple[Records, Ends]:
        consumer = self._ensure_consumer()
        records = await self._take(consumer, partitions)
        if not records and await _arrival(consumer, seconds):
            records = await self._take(consumer, partitions)
        assignment = consumer._subscription.subscription.assignment
        ends = {}
        for place in partitions:
            state = assignment.state_value(place)
            if state is not None and state.lso is not None and state.has_valid_position:
                ends[place] = End(state.position, state.lso, state.timestamp / 1000)
        return records, ends

    async def _take(self, consumer: AIOKafkaConsumer, partitions: set[TP]) -> Records:
        """What lies ready, as the decoder made it: offset, timestamp, value.

        To make a `ConsumerRecord` of each costs as much as all else that is done to fetch it.
        """
        for result in consumer._fetcher._records.values():
            if isinstance(result, FetchResult):
                result._partition_records._consumer_record = _as_decoded
        return await self._fetch_records(
            consumer, partitions, timeout=0, max_records=self.app.conf.broker_max_poll_records
        )

    async def count_partitions(self, topic: str) -> int:
        """Faust's `topic_partitions` says 0 in a new member that has not heard of the topic yet; this one asks."""
        partitions: set[int] = await self.call_thread(
            self._ensure_consumer()._client._wait_on_metadata, topic
        )
        return len(partitions)

    async def bounds(self, places: Collection[TopicPartition]) -> dict[Place, tuple[int, int]]:
        bounds: dict[Place, tuple[int, int]] = await self.call_thread(self._bounds, places)
        return bounds

    async def _bounds(self, places: Collection[TopicPartition]) -> dict[Place, tuple[int, int]]:
        consumer = self._ensure_consumer()
        first = await consumer.beginning_offsets(places)
        end = await consumer.end_offsets(places)
        return {tuple(place): (first[place], end[place]) for place in places}

    async def advise(self, offsets: Mapping[Place, int]) -> None:
        await self.call_thread(self._advise, offsets)

    async def _advise(self, offsets: Mapping[Place, int]) -> None:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        committed = {
            TopicPartition(*place): OffsetAndMetadata(offset, "")
            for place, offset in offsets.items()
            if TopicPartition(*place) in assigned
        }
        try:
            if committed:
                await consumer.commit(committed)
        except KafkaError as error:  # Redis has the truth; the next commit tells Kafka again
            log.debug("Kafka did not take the offsets: %r", error)


def _as_decoded(place: TopicPartition, record: Any) -> Any:
    return record


def _is_news(end: End, told: End | None) -> bool:
    """Whether a partition is read to its end, and that was not told yet, or a while ago."""
    if end.position < end.end:
        return False
    return told is None or told.position != end.position or end.told - told.told >= TELL_SECONDS


async def _arrival(consumer: AIOKafkaConsumer, seconds: float) -> bool:
    """Wait for a fetch to arrive."""
    waiter = consumer._fetcher._create_fetch_waiter()
    try:
        async with asyncio.timeout(seconds):
            await waiter
    except TimeoutError:
        return False
    return True


class BatchConsumer(driver.Consumer):
    """Faust's consumer, see the module's docstring. Also the `Log` that `Tenancies` works on."""

    app: App
    _thread: BatchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seeking = asyncio.Lock()
        self._told: dict[Place, End] = {}  # what an agent was last told

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    # Reading

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Fetch and hand over, for as long as the fetcher runs. A full queue of an agent makes this wait."""
        while not (self.should_stop or fetcher.should_stop):
            for message in await self._fetch():
                await self.callback(message)
            await asyncio.sleep(0)

    async def _fetch(self) -> list[ConsumerMessage]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        async with self._seeking:
            partitions = set(self._get_active_partitions()) if self.flow_active else set()
            if partitions:
                records, ends = await self._thread.fetch(partitions, FETCH_SECONDS)
                return self._stamp(records, ends)
        await asyncio.sleep(FETCH_SECONDS)
        return []

    def _stamp(self, records: Records, ends: Ends) -> list[ConsumerMessage]:
        messages = []
        for place, end in ends.items():
            batch = records.get(place, [])
            if not batch and not _is_news(end, self._told.get(place)):
                continue
            self._told[place] = end
            fetch = self.app.tenancies.stamp(
                place,
                [record.offset for record in batch],
                [record.timestamp / 1000 for record in batch],
                [record.value for record in batch],
                position=end.position,
                end=end.end,
                told=end.told,
            )
            if fetch is not None:
                messages.append(self._to_event(place, fetch))
        return messages

    def _to_event(self, place: TP, fetch: Fetch) -> ConsumerMessage:
        """The message that carries a fetch to its agent: Faust looks at its place alone."""
        return ConsumerMessage(
            topic=place.topic,
            partition=place.partition,
            offset=fetch.batch.offsets[-1] if fetch.batch.offsets else -1,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=fetch,  # type: ignore[arg-type]  # serializer "raw" passes it on
            checksum=None,
            tp=place,
            generation_id=self.app.consumer_generation_id,
        )

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue already makes `_drain_messages` wait."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, likewise."""

    # Taking partitions

    async def perform_seek(self) -> None:
        """Take what was assigned: called after each rebalance, before flow is resumed.

        An error in here must end the process: Faust would stay in the group, keep its partitions and read nothing.
        """
        try:
            async with self._seeking:
                self._told.clear()
                self.app.tenancies.held.forget()
                await self.app.tenancies.take(self, self.assignment())
        except MonitorStreamError as error:
            self.app.tenancies.held.fail(error)
            raise

    async def retake(self, places: Collection[Place]) -> None:
        """Take partitions again whose claim was lost, where they are still ours."""
        async with self._seeking:
            generation = self.app.consumer_generation_id
            if not self.flow_active or not self.assignment().issuperset(places):
                return
            self._told.clear()
            try:
                await self.app.tenancies.take(self, places)
            except IllegalStateError:
                log.info("Partitions were revoked while they were taken again.")
            if generation != self.app.consumer_generation_id or not self.can_resume_flow.is_set():
                self.app.tenancies.held.drop(places)

    def assigned(self) -> dict[Place, int | None]:
        """What Kafka gave to this worker, with the next offset to apply, None where it was not taken. Any thread."""
        try:
            assigned = self.assignment()
        except ConsumerNotStarted:
            return {}
        places = self.app.tenancies.held.places()
        return {(topic, partition): places.get((topic, partition)) for topic, partition in assigned}

    async def partitions(self, topic: str) -> int:
        return await self._thread.count_partitions(topic)

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:
        return await self._thread.bounds([TopicPartition(*place) for place in places])

    async def seek_all(self, offsets: Mapping[Place, int]) -> None:
        await self.seek_wait({TopicPartition(*place): offset for place, offset in offsets.items()})

    async def advise(self, offsets: Mapping[Place, int]) -> None:
        await self._thread.advise(offsets)


class BatchTransport(driver.Transport):
    """Faust's transport, with our consumer."""

    Consumer = BatchConsumer


class App(faust.App):
    """Faust's app: brings our transport, and what its consumer and agents work on."""

    tenancies: Tenancies
    #: Topic → how many partitions it had at the start.
    partitions: Mapping[str, int]

    @property
    def reader(self) -> BatchConsumer:
        """The consumer, as what it is."""
        return cast(BatchConsumer, self.consumer)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """None: Faust's tables would lie there, and there are no tables."""
