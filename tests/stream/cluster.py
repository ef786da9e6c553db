"""Real topics, real workers: what the stream's integration tests are made of."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from monitor_stream.config import confluent_config
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.state.redis import open_store
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.worker import work
from tests.stream.counting import Counted, CountingJudge, CountingObserve

PARTITIONS = 2


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what does not announce itself, such as a counter."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class Cluster:
    """The topics of one test, and what workers made of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.admin = AdminClient(confluent_config(settings))
        self._workers: list[WorkerProcess] = []

    def worker(self, directory: Path) -> "WorkerProcess":
        """A worker in a process of its own; `end` kills it if the test has not."""
        self._workers.append(WorkerProcess(self.settings, directory))
        return self._workers[-1]

    async def end(self) -> None:
        for worker in self._workers:
            await worker.kill()

    def create_topics(self, partitions: dict[Topic, int] | None = None) -> None:
        counts = partitions or dict.fromkeys(get_args(Topic), PARTITIONS)
        new = [NewTopic(self.settings.topic(role), count) for role, count in counts.items()]
        for created in self.admin.create_topics(new).values():
            created.result()
        names = {topic.topic for topic in new}
        while not names <= self.admin.list_topics(timeout=10).topics.keys():
            time.sleep(0.05)

    def produce(
        self, role: Topic, numbers: Sequence[int], *, compression: str = "none", values: Sequence[bytes] = ()
    ) -> None:
        """One record a number, spread over the partitions by its key."""
        producer = Producer(
            {**confluent_config(self.settings), "compression.type": compression, "linger.ms": 20}
        )
        for number in numbers:
            producer.produce(self.settings.topic(role), b"%d %s" % (number, b"." * 100), b"%d" % number)
            producer.poll(0)
        for value in values:
            producer.produce(self.settings.topic(role), value, b"key")
        assert producer.flush(30) == 0

    async def observed(self) -> Counted:
        """What the results say that was observed, over all partitions."""
        total = Counted()
        for document in (await self._results("observe")).values():
            counted = msgspec.json.decode(document, type=Counted)
            for role, count in counted.records.items():
                total.records[role] = total.records.get(role, 0) + count
                total.sums[role] = total.sums.get(role, 0) + counted.sums[role]
            total.ended = sorted({*total.ended, *counted.ended})
        return total

    async def poison(self) -> list[dict[str, list[int]]]:
        """The offsets that were set aside, by topic, of each partition."""
        documents = (await self._results("observe")).values()
        return [msgspec.json.decode(document, type=Counted).poison for document in documents]

    async def judged(self) -> tuple[int, int]:
        """How many records judge was told of, and how many messages it missed."""
        totals = [msgspec.json.decode(document) for document in (await self._results("judge")).values()]
        return sum(total[1] for total in totals), sum(total[2] for total in totals)

    async def _results(self, fold: Any) -> dict[str, bytes]:
        store = await open_store(self.settings)
        try:
            return await store.results(fold, PARTITIONS)
        finally:
            await store.close()

    async def until_observed(self, count: int, seconds: float = 60.0) -> None:
        """Wait until so many predictions and labels are in the results."""
        deadline = time.monotonic() + seconds
        while (seen := sum((await self.observed()).records.values())) < count:
            assert time.monotonic() < deadline, f"{seen} of {count} records observed"
            await asyncio.sleep(0.1)

    async def until_judged(self, count: int, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while (seen := await self.judged())[0] < count:
            assert time.monotonic() < deadline, f"{seen} of {count} records judged"
            await asyncio.sleep(0.1)

    def lag(self) -> int:
        """Predictions and labels that the group's committed offsets leave unread."""
        (answer,) = self.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self.settings.application)]
        ).values()
        committed = {(each.topic, each.partition): each.offset for each in answer.result().topic_partitions}
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        roles: tuple[Topic, ...] = ("predictions", "labels")
        request = {
            TopicPartition(self.settings.topic(role), partition): latest
            for role in roles
            for partition in range(PARTITIONS)
        }
        ends = {
            (each.topic, each.partition): int(end.result().offset)
            for each, end in self.admin.list_offsets(request).items()
        }
        return sum(end - committed.get(place, 0) for place, end in ends.items())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[WorkerStats]:
        """A worker in this process, stopped at the end."""
        stats = WorkerStats()
        stopping, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(
            work(
                self.settings,
                stopping,
                folds={"observe": CountingObserve, "judge": CountingJudge},
                stats=stats,
                ready=ready.set,
            )
        )
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if not task.done():
                yield stats
        finally:
            waiting.cancel()
            stopping.set()
            await task


class WorkerProcess:
    """A worker in a process of its own, which can be killed."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.log = directory / f"worker-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.stream.worker_process", msgspec.json.encode(settings).decode()],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    async def ready(self) -> "WorkerProcess":
        line = await asyncio.wait_for(self._line(), 30.0)
        assert line == "READY", line or self.log.read_text()
        return self

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await asyncio.to_thread(self._process.stdout.readline)).strip()

    def code(self) -> int | None:
        """Its exit code, None while it lives."""
        return self._process.poll()

    async def kill(self) -> None:
        self._process.kill()
        await asyncio.to_thread(self._process.communicate, timeout=5.0)

    async def terminate(self) -> tuple[int, dict[str, Any]]:
        """Ask it to end; returns its exit code and what it said of its health."""
        self._process.terminate()
        out, _ = await asyncio.to_thread(self._process.communicate, timeout=10.0)
        return self._process.returncode, msgspec.json.decode(out.splitlines()[-1]) if out.strip() else {}

    async def end(self) -> tuple[int, str]:
        """Wait until it ends by itself; returns its exit code and its last line."""
        out, _ = await asyncio.to_thread(self._process.communicate, timeout=30.0)
        return self._process.returncode, out.strip()
