"""Every record once, whatever happens on the way."""

import asyncio
import logging

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor_stream.errors import BrokerError, StoreError, TopicsError
from monitor_stream.state.contract import Claim, Commit
from monitor_stream.stream.patience import Patience
from tests.stream.world import SETTINGS, FailingStore, Worker, World, numbers


async def test_work_goes_through_both_folds() -> None:
    """Records are observed, told by messages, judged, and Kafka is told the offsets."""
    world = World()
    world.produce("predictions", numbers(0, 250))
    world.produce("labels", numbers(0, 120))
    worker = Worker(world)
    await worker.take()
    await worker.finish()
    counted = await world.observed()
    assert counted.records == {"predictions": 250, "labels": 120}
    assert counted.ended == ["predictions", "labels"]
    assert (await world.judged())[1:] == [370, 0]
    assert world.advised == {
        world.place("predictions"): 250,
        world.place("labels"): 120,
        world.place("deltas"): 2,
    }


async def test_an_heir_goes_on_where_the_last_commit_stood() -> None:
    """What was applied after the last commit is read again; what was before is not."""
    world = World()
    world.produce("predictions", numbers(0, 100))
    dead = Worker(world)
    await dead.take()
    await dead.read(world.place("predictions"), 40)
    await dead.commit()
    await dead.read(world.place("predictions"), 40)
    heir = Worker(world)
    await heir.take()
    assert heir.positions[world.place("predictions")] == 40
    await heir.finish()
    assert (await world.observed()).sums == {"predictions": sum(range(100))}


async def test_an_heir_publishes_what_was_left() -> None:
    """A worker that dies between commit and publish leaves its messages to its heir."""
    world = World()
    world.produce("labels", numbers(0, 10))
    dead = Worker(world)
    await dead.take()
    await dead.read(world.place("labels"), 10)
    dead.publishes = 0
    with pytest.raises(BrokerError):
        await dead.commit()
    heir = Worker(world)
    await heir.take()
    await heir.finish()
    assert await world.judged() == [1, 10, 0]


async def test_a_lost_claim_is_dropped_and_taken_again() -> None:
    """A refused commit drops what is held; the partition is taken again, and nothing counts twice."""
    world = World()
    world.produce("predictions", numbers(0, 30))
    worker, thief = Worker(world), Worker(world)
    await worker.take()
    await worker.read(world.place("predictions"), 30)
    await thief.take()
    await worker.commit()
    assert worker.stats.commits_refused == 1
    assert worker.tenancies.held.places().keys() == {world.place("deltas")}
    lost = worker.tenancies.held.lost()
    assert lost == [world.place("predictions"), world.place("labels")]
    await worker.tenancies.take(worker, lost)
    await worker.finish()
    assert (await world.observed()).records == {"predictions": 30}


async def test_a_fetch_from_before_a_claim_is_dropped() -> None:
    """Records that were fetched under an earlier claim are not applied, for they are read again."""
    world = World()
    world.produce("labels", numbers(0, 10))
    worker = Worker(world)
    await worker.take()
    old = worker.tenancies.stamp(world.place("labels"), [0], [0.0], [b"0"], position=1, end=10, told=0.0)
    assert old is not None
    await worker.take()
    await worker.tenancies.apply(worker, old)
    assert worker.stats.records_stale == 1
    assert worker.tenancies.held.places()[world.place("labels")] == 0


async def test_records_below_the_next_offset_are_skipped() -> None:
    """A fetch may begin before the wanted offset; what was applied is not applied again."""
    world = World()
    world.produce("labels", numbers(0, 10))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 6)
    worker.positions[world.place("labels")] = 2
    await worker.finish()
    assert worker.stats.records_skipped == 4
    assert (await world.observed()).sums == {"labels": 45}


async def test_the_end_of_a_topic_is_no_news_after_a_while() -> None:
    """A fetch that waited long before it was applied tells its records, and not that there are no more."""
    world = World()
    world.produce("labels", numbers(0, 10))
    world.produce("predictions", numbers(0, 10))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10, age=60.0)
    await worker.read(world.place("predictions"), 10, age=1.0)
    await worker.commit()
    counted = await world.observed()
    assert counted.records == {"predictions": 10, "labels": 10}
    assert counted.ended == ["predictions"]


@pytest.mark.parametrize("failure", ["before", "after"])
async def test_an_ambiguous_commit_is_sent_again(failure: str) -> None:
    """Whether or not the store wrote before its answer was lost, the commit counts once."""
    world = World()
    world.produce("labels", numbers(0, 10))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    world.store.failures.extend([failure] * 3)
    await worker.finish()
    assert worker.stats.commit_failures == 3
    assert not worker.stats.store_waiting
    assert (await world.observed()).records == {"labels": 10}
    assert await world.judged() == [1, 10, 0]


async def test_reading_waits_while_the_store_is_away() -> None:
    """What is applied and not committed is bounded: the agent waits, and goes on once the store is back."""
    world = World()
    world.produce("labels", [b"7"] * 100)
    worker = Worker(world, patience=Patience(max_uncommitted_bytes=20))
    await worker.take()
    for _ in range(3):
        await worker.read(world.place("labels"), 7)
    stuck = asyncio.create_task(worker.read(world.place("labels"), 7))
    done, _ = await asyncio.wait([stuck], timeout=0.05)
    assert not done
    await worker.commit()
    await asyncio.wait_for(stuck, 1.0)


async def test_records_that_retention_removed_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A topic that now begins behind the stored offset is read on, and the loss is counted and said."""
    world = World()
    world.produce("labels", numbers(0, 50))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    await worker.commit()
    world.first[world.place("labels")] = 25
    heir = Worker(world)
    with caplog.at_level(logging.ERROR):
        await heir.take()
        await heir.finish()
    assert heir.stats.records_lost == {SETTINGS.topic("labels"): 15}
    assert caplog.text.count("LOST RECORDS") == 1
    assert (await world.observed()).records == {"labels": 35}


@pytest.mark.parametrize("under_way", [False, True])
async def test_a_loss_is_told_once(under_way: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever finds it and dies, or takes the partition anew, before that is committed leaves it to be found again."""
    world = World()
    world.produce("labels", numbers(0, 50))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    await worker.commit()
    world.first[world.place("labels")] = 25
    doomed = worker if under_way else Worker(world)
    for _ in range(3):
        if not under_way:
            await doomed.take()
        await doomed.read(world.place("labels"), 3)
        assert not doomed.stats.records_lost
        await doomed.take()
    last = Worker(world)
    await last.take()
    await last.finish()
    assert last.stats.records_lost == {SETTINGS.topic("labels"): 15}
    assert caplog.text.count("LOST RECORDS") == 1


async def test_records_that_retention_removed_under_way_are_counted() -> None:
    """Retention may overtake a reader that is far behind: the gap is noticed when the next records come."""
    world = World()
    world.produce("labels", numbers(0, 50))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    world.first[world.place("labels")] = 30
    await worker.finish()
    assert worker.stats.records_lost == {SETTINGS.topic("labels"): 20}


async def test_another_number_of_partitions_is_refused() -> None:
    """Keys lie elsewhere once a topic has grown, so state of before is not gone on with; the sentence says what to do."""
    world = World()
    world.produce("labels", numbers(0, 10))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    await worker.commit()
    world.partitions = 2
    with pytest.raises(TopicsError, match=r"has 2 partitions, and had 1 .* monitor-stream rebuild"):
        await Worker(world).take()


async def test_a_topic_made_anew_is_refused() -> None:
    """A topic that ends before what was read of it is not the topic it was."""
    world = World()
    world.produce("labels", numbers(0, 50))
    worker = Worker(world)
    await worker.take()
    await worker.finish()
    del world.topics[world.place("labels")][5:]
    with pytest.raises(TopicsError, match="made anew"):
        await Worker(world).take()


async def test_an_assignment_must_be_symmetric() -> None:
    """Predictions and labels of a partition belong to one worker, or nothing is joined."""
    world = World(partitions=2)
    places = [place for place in world.places() if place != world.place("labels", 1)]
    worker = Worker(world)
    with pytest.raises(TopicsError, match="must be the same"):
        await worker.tenancies.take(worker, places)


async def test_a_store_that_is_away_for_a_moment_delays_a_claim() -> None:
    """A claim is tried again until its time is up."""
    world = World()
    world.store.claim_failures = 2
    worker = Worker(world)
    await worker.take()
    assert worker.stats.claim_failures == 2
    world.store.claim_failures = 1_000
    with pytest.raises(StoreError, match="within 1 s, last because: The store is away"):
        await Worker(world, patience=Patience(reclaim_seconds=0.3)).take()


async def test_a_clean_end_leaves_nothing_to_do() -> None:
    """After a release all is committed, published and forgotten: the heir reads and publishes nothing again."""
    world = World()
    world.produce("labels", numbers(0, 10))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    await worker.tenancies.release(worker, 1.0)
    assert not worker.tenancies.held.places()
    assert not worker.stats.lag
    holding = await world.store.claim("observe", 0, "reader")
    assert (holding.offsets["labels"], list(holding.outbox)) == (10, [])
    assert len(world.topics[world.place("deltas")]) == 1


async def test_what_comes_during_the_last_commits_is_left_to_the_heir() -> None:
    """From the beginning of a release nothing is applied, so that nothing is applied and not committed."""

    class Busy(FailingStore):
        """More is fetched while a commit is written."""

        async def commit(self, claim: Claim, commit: Commit) -> bool:
            written = await super().commit(claim, commit)
            if worker.tenancies.held.leaving and claim.fold == "observe":
                await worker.read(world.place("labels"), 5)
            return written

    world = World()
    world.store = Busy()
    world.produce("labels", numbers(0, 30))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    await worker.tenancies.release(worker, 1.0)
    topic = SETTINGS.topic("labels")
    assert (worker.stats.records_consumed[topic], worker.stats.records_stale) == (10, 10)
    heir = Worker(world)
    await heir.take()
    assert heir.positions[world.place("labels")] == 10


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["predictions", "labels", "deltas", "commit", "take", "die", "before", "after", "cut", "produce"]
        ),
        st.integers(0, 2),
        st.integers(1, 9),
    ),
    max_size=60,
)


@given(STEPS)
@example([("predictions", 0, 9), ("commit", 0, 1), ("take", 1, 1), ("predictions", 1, 5), ("commit", 0, 1)])
@settings(max_examples=300, deadline=None)
def test_any_crash_any_interleaving_counts_once(steps: list[Step]) -> None:
    """Three workers that steal, stall, lose answers and die in any order leave what one undisturbed run leaves."""
    asyncio.run(_disturbed(steps))


async def _disturbed(steps: list[Step]) -> None:
    world = World()
    produced = 0
    workers = [Worker(world) for _ in range(3)]
    for worker in workers:
        await worker.take()
    for what, who, count in [("produce", 0, 9), *steps, ("produce", 0, 3)]:
        worker = workers[who]
        match what:
            case "produce":
                world.produce("predictions", numbers(produced, produced + count))
                world.produce("labels", numbers(produced, produced + count))
                produced += count
            case "predictions" | "labels" | "deltas":
                await worker.read(world.place(what), count)
            case "before" | "after":
                world.store.failures.append(what)
            case "take":
                await worker.take()
            case "die":
                workers[who] = Worker(world)
                await workers[who].take()
            case "cut" | "commit":
                worker.publishes = count - 1 if what == "cut" else None
                try:
                    await worker.commit()
                except BrokerError:  # died while publishing
                    workers[who] = Worker(world)
    last = Worker(world)
    await last.take()
    await last.finish()
    counted = await world.observed()
    total = produced * (produced - 1) // 2
    assert counted.records == {"predictions": produced, "labels": produced}
    assert counted.sums == {"predictions": total, "labels": total}
    assert (await world.judged())[1:] == [2 * produced, 0]
    for fold in ("observe", "judge"):
        assert list((await world.store.claim(fold, 0, "reader")).outbox) == []
