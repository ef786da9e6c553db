"""A record that crashes the code that reads it is set aside after some crashes, it alone, and the stream goes on."""

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.errors import PoisonError
from monitor_stream.events.fold import Batch, Outputs, Topic
from monitor_stream.state.contract import Attempt, Claim
from monitor_stream.stream.attempts import MAX_IN_A_ROW
from monitor_stream.stream.pieces import SEARCH_STEPS, Piece, first_piece
from tests.stream.counting import CountingObserve
from tests.stream.crashing import END, MARKS, RAISE, UNTELLABLE, CrashingJudge, KillableObserve, Killed
from tests.stream.world import SETTINGS, Worker, World, numbers

#: Crashes until a record is set aside: one unforeseen, one that tells the fetch, and those of the record.
CRASHES = 2 + SETTINGS.poison_attempts


async def survive(world: World, *, count: int = 1_000, most: int = 100) -> tuple[Worker, int]:
    """Start workers, one after the other, until one gets through; returns it, and how many processes died."""
    for deaths in range(most):
        worker = Worker(world, KillableObserve, CrashingJudge)
        try:
            await worker.take()
            await worker.finish(count)
        except Killed:
            continue
        return worker, deaths
    raise AssertionError(f"{most} workers died")


def crashes(caplog: pytest.LogCaptureFixture) -> int:
    return caplog.text.count("goes back to its last commit")


@pytest.mark.parametrize("mark", [RAISE, UNTELLABLE])
async def test_a_record_that_makes_the_fold_fail_is_set_aside(
    mark: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker goes on: other partitions never notice, the record is a dead letter, the rest counts once."""
    world = World()
    world.produce("predictions", numbers(0, 40))
    world.produce("labels", [*numbers(0, 20), mark, *numbers(20, 40)])
    worker = Worker(world, KillableObserve)
    await worker.take()
    await worker.finish()
    counted = await world.observed()
    assert counted.poison == {"labels": [20]}
    assert counted.records == {"predictions": 40, "labels": 40}
    assert counted.sums == {"predictions": sum(range(40)), "labels": sum(range(40))}
    assert world.topics[world.place("deadletters")] == [b"labels 20"]
    assert world.advised[world.place("labels")] == 41
    assert crashes(caplog) == CRASHES - 1  # the first fetch after the claim was told at once


async def test_a_record_that_ends_the_process_is_set_aside() -> None:
    """In mid-stream, where nothing was told: two crashes to know the fetch, then those of the record."""
    world = World()
    world.produce("labels", numbers(0, 20))
    doomed = Worker(world, KillableObserve)
    await doomed.take()
    await doomed.finish()
    world.produce("labels", [*numbers(20, 30), END, *numbers(30, 40)])
    with pytest.raises(Killed):
        await doomed.finish()
    _, deaths = await survive(world)
    assert 1 + deaths == CRASHES
    counted = await world.observed()
    assert counted.poison == {"labels": [30]}
    assert counted.sums == {"labels": sum(range(40))}
    assert world.topics[world.place("deadletters")] == [b"labels 30"]


@pytest.mark.parametrize("at", [0, 1_500, 3_999])
async def test_the_guilty_one_of_a_great_fetch_is_soon_found(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One death more, and not thousands of records one by one, each with its calls of the store."""
    world = World()
    world.produce("labels", [*numbers(0, at), END, *numbers(at, 3_999)])
    told = 0
    note = world.store.attempt

    async def counted(claim: Claim, attempt: Attempt | None) -> bool:
        nonlocal told
        told += attempt is not None
        return await note(claim, attempt)

    monkeypatch.setattr(world.store, "attempt", counted)
    _, deaths = await survive(world, count=4_000)
    assert deaths == CRASHES  # one less for what was told from the start, one more for the search
    assert told <= 3 * SEARCH_STEPS
    observed = await world.observed()
    assert observed.poison == {"labels": [at]}
    assert observed.sums == {"labels": sum(range(3_999))}


async def test_a_delta_that_makes_judge_fail_is_set_aside() -> None:
    """The second fold is treated as the first."""
    world = World()
    world.produce("deltas", [b"0 1 10", b"raise", b"0 2 10"])
    worker, _ = await survive(world)
    assert worker.tenancies.held.places()[world.place("deltas")] == 3
    assert await world.judged() == [2, 20, 0]


async def test_it_is_said_once_with_the_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """One error in the log names the place and shows where the code failed; before it there are warnings."""
    world = World()
    world.produce("labels", [b"1", b"raise me", b"2"])
    with caplog.at_level(logging.WARNING):
        await survive(world)
    (error,) = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert error.startswith(
        f"POISON RECORD: topic {SETTINGS.topic('labels')}, partition 0, offset 1 crashed the code that read it 3 times"
    )
    assert "Traceback" in error
    assert "ValueError: raise me" in error


async def test_the_fold_is_told_why() -> None:
    """What the dead letter will say: how often it crashed, and how."""
    told = []

    class Listening(KillableObserve):
        def apply(self, batch: Batch) -> None:
            if batch.poison:
                told.append((list(batch.offsets), list(batch.values), batch.poison))
            super().apply(batch)

    world = World()
    world.produce("labels", [b"1", b"raise me", b"2"])
    worker = Worker(world, Listening)
    await worker.take()
    await worker.finish()
    assert told == [([1], [b"raise me"], "crashed observe 3 times: ValueError: raise me")]


async def test_attempts_outlive_the_worker() -> None:
    """Each crash may hit another worker: the count is in the store."""
    world = World()
    world.produce("labels", [b"1", RAISE, b"2"])
    for _ in range(CRASHES - 1):
        worker = Worker(world, KillableObserve)
        await worker.take()
        await worker.read(world.place("labels"), 10)
        assert not worker.tenancies.held.failed.done()
        assert world.place("labels") not in worker.tenancies.held.places()
    last = Worker(world, KillableObserve)
    await last.take()
    await last.read(world.place("labels"), 10)
    await last.commit()
    assert (await world.observed()).poison == {"labels": [1]}


async def test_a_store_that_is_away_delays_an_attempt() -> None:
    """Nothing that may crash is applied before the store was told; a lost answer does no harm."""
    world = World()
    world.produce("labels", [*numbers(0, 5), RAISE])
    world.store.attempt_failures.extend(["before", "after"] * 10)
    worker = Worker(world, KillableObserve)
    await worker.take()
    await worker.finish()
    assert not worker.stats.store_waiting
    assert (await world.observed()).poison == {"labels": [5]}


async def test_an_attempt_under_a_lost_claim_is_refused() -> None:
    """Who has lost the claim notices before it applies anything."""
    world = World()
    world.produce("labels", numbers(0, 5))
    worker, thief = Worker(world), Worker(world)
    await worker.take()
    await thief.take()
    await worker.read(world.place("labels"), 5)
    assert worker.stats.commits_refused == 1
    assert worker.stats.records_consumed == {}


async def test_a_fold_that_fails_on_nothing_ends_the_worker() -> None:
    """With no record to blame nothing is set aside: the worker ends, and what it had half done is never written."""

    class Untold(CountingObserve):
        def drain(self) -> Outputs:
            raise OverflowError("at any time")

    world = World()
    worker = Worker(world, Untold)
    await worker.take()
    await worker.commit()
    with pytest.raises(OverflowError):
        worker.tenancies.held.failed.result()
    await worker.tenancies.release(worker, 1.0)
    assert (await world.store.claim("observe", 0, "reader")).commit == 0


async def test_a_fold_that_fails_on_what_is_set_aside_ends_the_worker() -> None:
    """If a record crashes the fold that does not look at it, it is not the record."""

    class Hopeless(CountingObserve):
        def apply(self, batch: Batch) -> None:
            raise ValueError("hopeless")

    world = World()
    world.produce("labels", numbers(0, 3))
    worker = Worker(world, Hopeless)
    await worker.take()
    with pytest.raises(ValueError, match="hopeless"):
        await worker.finish()
    assert not (await world.store.claim("observe", 0, "reader")).offsets.get("labels")


@pytest.mark.parametrize("between", [0, 1])
async def test_too_many_in_a_row_end_the_worker(between: int) -> None:
    """Code that crashes on everything does not throw a topic away unseen; records that get through clear the others."""
    world = World()
    for number in range(MAX_IN_A_ROW + 1):
        world.produce("labels", [RAISE, *numbers(number, number + between)])
    worker = Worker(world, KillableObserve)
    await worker.take()
    if between:
        await worker.finish()
    else:
        with pytest.raises(
            PoisonError, match=r"partition 0: the 20 records before offset 20 .* deadletters replay"
        ):
            await worker.finish()
    offsets = (await world.store.claim("observe", 0, "reader")).offsets
    assert offsets["labels"] == (MAX_IN_A_ROW + between) * (1 + between)


async def test_a_stream_in_order_is_told_to_the_store_only_at_first() -> None:
    """Once something of a topic was committed, nothing is noted any more: the stream pays nothing."""
    world = World()
    world.produce("labels", numbers(0, 100))
    worker = Worker(world)
    await worker.take()
    await worker.read(world.place("labels"), 10)
    await worker.commit()
    world.store.attempt_failures.append("kill")
    while await worker.read(world.place("labels"), 10):
        await worker.commit()
    assert (await world.observed()).sums == {"labels": sum(range(100))}


async def test_what_was_spoilt_before_an_attempt_is_not_blamed_on_it() -> None:
    """Records of one topic that show only when the fold is asked are not laid at the door of the other's."""
    world = World()
    world.produce("predictions", [b"1", UNTELLABLE])
    world.produce("labels", [b"2"])
    worker = Worker(world, KillableObserve)
    await worker.take()
    await worker.read(world.place("predictions"), 1)
    await worker.commit()
    await worker.read(world.place("predictions"), 1)
    await worker.read(world.place("labels"), 1)
    assert world.place("labels") not in worker.tenancies.held.places()
    assert (await world.store.claim("observe", 0, "reader")).attempt is None


async def test_who_dies_with_the_guilty_is_not_blamed() -> None:
    """A record that ends the process ends it for all partitions: what another was about to apply stays innocent."""
    world = World(partitions=2)
    world.produce("labels", [END], 0)
    world.produce("labels", numbers(0, 1), 1)
    dead = False

    class Together(KillableObserve):
        def end(self) -> None:
            nonlocal dead
            dead = True
            raise Killed

    note = world.store.attempt

    async def slow(claim: Claim, attempt: Attempt | None) -> bool:
        noted = not dead and await note(claim, attempt)
        await asyncio.sleep(0)
        if dead:
            raise Killed
        return noted

    world.store.attempt = slow  # type: ignore[method-assign]
    worker = Worker(world, Together)
    for _ in range(CRASHES):
        await worker.take()
        reads = [worker.read(world.place("labels", partition), 1) for partition in (0, 1)]
        done = await asyncio.gather(*reads, return_exceptions=True)
        if not dead:
            break
        assert any(isinstance(each, Killed) for each in done)
        worker, dead = Worker(world, Together), False
    await worker.finish()
    assert (await world.observed(1)).poison == {}
    assert (await world.observed()).poison == {"labels": [0]}


def test_pieces() -> None:
    """A fetch is told whole; one that was not survived record by record; one record as often as it may crash."""

    def piece(first: int, stop: int, doubt: tuple[int, int, int] | None, *, fresh: bool = True) -> Piece:
        suspect = None
        if doubt is not None:
            suspect = Attempt(topic="labels", first=doubt[0], end=doubt[1], number=doubt[2])
        return first_piece("labels", range(first, stop), doubt=suspect, fresh=fresh, attempts=3)

    def told(first: int, end: int, number: int = 1) -> Attempt:
        return Attempt(topic="labels", first=first, end=end, number=number)

    assert piece(5, 9, None, fresh=False) == Piece(4)
    assert piece(5, 9, None) == Piece(4, told(5, 9))
    assert piece(5, 9, (2, 5, 1), fresh=False) == Piece(4)
    assert piece(5, 9, (6, 8, 2)) == Piece(1, told(5, 6))
    assert piece(5, 9, (2, 8, 2), fresh=False) == Piece(1, told(5, 6))
    assert piece(5, 9, (5, 6, 2)) == Piece(1, told(5, 6, 3))
    assert piece(5, 9, (5, 6, 3)) == Piece(1, told(5, 6, 4), poison=True)
    assert piece(3, 9, (5, 6, 3)) == Piece(2, told(3, 5))
    assert piece(0, 4000, (0, 4000, 1)) == Piece(63, told(0, 63))
    assert piece(3969, 4010, (0, 4000, 1)) == Piece(31, told(3969, 4000))


VALUES = st.lists(st.sampled_from([b""] * 6 + list(MARKS)), max_size=12)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["predictions", "labels", "deltas", "commit", "take", "die"]), st.integers(1, 6)
    ),
    max_size=25,
)


@given(VALUES, VALUES, STEPS, st.integers(1, 13), st.lists(st.integers(0, 30), max_size=2, unique=True))
@settings(max_examples=150, deadline=None)
def test_exactly_the_guilty_are_set_aside(
    predictions: list[bytes], labels: list[bytes], steps: list[tuple[str, int]], count: int, kills: list[int]
) -> None:
    """Whatever records crash in whatever way, and whatever else dies meanwhile: they alone are set aside, once.

    Workers are also killed in the middle of attempts, less often than a record may crash.
    """
    asyncio.run(_poisoned(predictions, labels, steps, count, kills))


async def _poisoned(
    predictions: list[bytes], labels: list[bytes], steps: list[tuple[str, int]], count: int, kills: list[int]
) -> None:
    world = World()
    sent: dict[Topic, list[bytes]] = {"predictions": predictions, "labels": labels}
    for role, marks in sent.items():
        world.produce(role, [mark or b"%d" % at for at, mark in enumerate(marks)])
    world.store.attempt_failures.extend("kill" if at in kills else "" for at in range(31))
    worker = Worker(world, KillableObserve)
    await worker.take()
    for what, how_many in steps:
        try:
            match what:
                case "commit":
                    await worker.commit()
                case "die":
                    raise Killed
                case "take":
                    await worker.take()
                case "predictions" | "labels" | "deltas":
                    await worker.read(world.place(what), how_many)
            await worker.retake()
        except Killed:
            worker = Worker(world, KillableObserve)
            await worker.take()
    guilty = sum(1 for marks in sent.values() for mark in marks if mark)
    # One attempt is noted for a partition: a kill amid one topic may cost what was known of the other's.
    await survive(world, count=count, most=3 + 4 * len(kills) + CRASHES * guilty)
    counted = await world.observed()
    letters = []
    for role, marks in sent.items():
        bad = [at for at, mark in enumerate(marks) if mark]
        good = [at for at, mark in enumerate(marks) if not mark]
        assert counted.poison.get(role, []) == bad
        assert counted.records.get(role, 0) == len(good)
        assert counted.sums.get(role, 0) == sum(good)
        letters += [b"%s %d" % (role.encode(), at) for at in bad]
    # A crash between publish and trim publishes again, as it does with all messages: a letter is known by its place.
    assert set(world.topics[world.place("deadletters")]) == set(letters)
    records = sum(not mark for marks in sent.values() for mark in marks)
    assert (await world.judged())[1:] == [records, 0]
