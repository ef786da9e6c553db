"""Kafka and the crashes of a day in memory: topics as lists, readers with positions, and a store that fails on order."""

import time
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence

import msgspec

from monitor_stream.errors import BrokerError, StoreError
from monitor_stream.events.fold import Fold, Message, Topic
from monitor_stream.events.spec import Specs
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Attempt, Claim, Commit, FoldName, Holding
from monitor_stream.state.memory import MemoryStore
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.patience import Patience
from monitor_stream.stream.places import INPUTS, Place
from monitor_stream.stream.tenancies import Tenancies
from tests.stream.counting import Counted, CountingJudge, CountingObserve
from tests.stream.crashing import Killed

SETTINGS = Settings(application="test", restore_timeout_seconds=1.0)
#: Waits for nothing.
IMPATIENT = Patience(retry_seconds=0.0, longest_retry_seconds=0.0, reclaim_seconds=0.0)


def numbers(start: int, stop: int) -> list[bytes]:
    """Records that count."""
    return [b"%d" % number for number in range(start, stop)]


class World:
    """The topics, with one partition each, or as many as said."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.store = FailingStore()
        self.topics: defaultdict[Place, list[bytes]] = defaultdict(list)
        self.first: defaultdict[Place, int] = defaultdict(int)
        self.advised: dict[Place, int] = {}

    def place(self, role: Topic, partition: int = 0) -> Place:
        return SETTINGS.topic(role), partition

    def produce(self, role: Topic, values: Sequence[bytes], partition: int = 0) -> None:
        self.topics[self.place(role, partition)].extend(values)

    async def observed(self, partition: int = 0) -> Counted:
        """What is in the store of a partition of observe; no attempt is under way."""
        holding = await self.store.claim("observe", partition, "reader")
        assert holding.attempt is None
        return msgspec.json.decode(holding.state.get("counted", b"{}"), type=Counted)

    async def judged(self) -> list[int]:
        """Newest number, records, gaps of source 0."""
        holding = await self.store.claim("judge", 0, "reader")
        totals: list[int] = msgspec.json.decode(holding.state.get("0", b"[0,0,0]"))
        return totals

    def places(self) -> list[Place]:
        return [
            self.place(role, partition)
            for roles in INPUTS.values()
            for role in roles
            for partition in range(self.partitions)
        ]


class FailingStore(MemoryStore):
    """Fails the next commits as told: before the write, or after it, when nobody can know. Attempts likewise."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: deque[str] = deque()
        self.claim_failures = 0
        self.attempt_failures: deque[str] = deque()

    async def claim(self, fold: FoldName, partition: int, owner: str) -> Holding:
        if self.claim_failures:
            self.claim_failures -= 1
            raise StoreError("The store is away.")
        return await super().claim(fold, partition, owner)

    async def commit(self, claim: Claim, commit: Commit) -> bool:
        failure = self.failures.popleft() if self.failures else ""
        if failure == "before":
            raise StoreError("The store is away.")
        written = await super().commit(claim, commit)
        if failure == "after":
            raise StoreError("The answer was lost.")
        return written

    async def attempt(self, claim: Claim, attempt: Attempt | None) -> bool:
        failure = self.attempt_failures.popleft() if self.attempt_failures else ""
        if failure == "before":
            raise StoreError("The store is away.")
        noted = await super().attempt(claim, attempt)
        if failure == "after":
            raise StoreError("The answer was lost.")
        if failure == "kill":
            raise Killed
        return noted


class Worker:
    """One worker on the world: its tenancies, and where it reads."""

    def __init__(
        self,
        world: World,
        observe: type[Fold] = CountingObserve,
        judge: type[Fold] = CountingJudge,
        patience: Patience = IMPATIENT,
    ) -> None:
        self.world = world
        self.stats = WorkerStats()
        self.positions: dict[Place, int] = {}
        self.publishes: int | None = None  # how many messages more, before it crashes
        self.tenancies = Tenancies(
            SETTINGS,
            store=world.store,
            outlet=self,
            folds={"observe": observe, "judge": judge},
            specs=Specs(),
            stats=self.stats,
            patience=patience,
        )

    # The log

    async def partitions(self, topic: str) -> int:
        return self.world.partitions

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:
        return {place: (self.world.first[place], len(self.world.topics[place])) for place in places}

    async def seek_all(self, offsets: Mapping[Place, int]) -> None:
        self.positions.update(offsets)

    async def advise(self, offsets: Mapping[Place, int]) -> None:
        self.world.advised.update(offsets)

    # The outlet

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if self.publishes is not None:
                if not self.publishes:
                    raise BrokerError("crashed while publishing")
                self.publishes -= 1
            self.world.produce(message.topic, [message.value], 0)

    # What it does

    async def take(self) -> None:
        await self.tenancies.take(self, self.world.places())

    async def read(self, place: Place, count: int, *, age: float = 0.0) -> int:
        """Fetch and apply so many records, so many seconds later; returns how many there were."""
        start = max(self.positions.get(place, 0), self.world.first[place])
        values = self.world.topics[place][start : start + count]
        if not values:
            return 0
        offsets = list(range(start, start + len(values)))
        end = len(self.world.topics[place])
        self.positions[place] = start + len(values)
        fetch = self.tenancies.stamp(
            place,
            offsets,
            [float(offset) for offset in offsets],
            list(values),
            position=self.positions[place],
            end=end,
            told=time.time() - age,
        )
        if fetch is not None:
            await self.tenancies.apply(self, fetch)
        return len(values)

    async def commit(self) -> None:
        await self.tenancies.commit(self)

    async def retake(self) -> bool:
        """Take again what was lost; returns whether there was any."""
        if self.tenancies.held.failed.done():
            self.tenancies.held.failed.result()
        lost = self.tenancies.held.lost()
        if lost:
            await self.tenancies.take(self, lost)
        return bool(lost)

    async def finish(self, count: int = 1_000) -> None:
        """Read so many at a time and commit, until nothing is left."""
        idle, rounds = 0, 0
        while idle < 2:  # the first commit may publish what is then to be read
            rounds += 1
            assert rounds < 1_000, "no end of it"
            moved = [await self.read(place, count) > 0 for place in self.world.places()]
            await self.commit()
            moved.append(await self.retake())
            idle = 0 if any(moved) else idle + 1
