"""What a store promises, on each one there is."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from monitor_stream.errors import StoreError
from monitor_stream.events.fold import Changes, Message
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Attempt, Commit, Holding, Store
from monitor_stream.state.memory import MemoryStore
from monitor_stream.state.redis import open_store

DELTA = Message("deltas", b"key", b"value")


def commit(
    number: int,
    *,
    offsets: Mapping[str, int] | None = None,
    puts: Mapping[str, bytes] | None = None,
    deletes: Sequence[str] = (),
    results: Mapping[str, bytes | None] | None = None,
    outbox: Sequence[tuple[int, Message]] = (),
    published: int = 0,
) -> Commit:
    return Commit(
        number=number,
        offsets=offsets or {},
        changes=Changes(puts=puts or {}, deletes=deletes),
        results=results or {},
        outbox=outbox,
        published=published,
    )


async def test_new_partition_is_empty(store: Store) -> None:
    """The first claim of a partition finds nothing."""
    holding = await store.claim("observe", 3, "a")
    assert (holding.commit, holding.published) == (0, 0)
    assert not holding.offsets
    assert not holding.state
    assert not holding.outbox


async def test_claim_finds_what_was_committed(store: Store) -> None:
    """The next claim returns offsets, state and outbox as of the last commit, under a higher epoch."""
    first = await store.claim("observe", 0, "a")
    binary = bytes(range(256))
    assert await store.commit(
        first.claim,
        commit(
            1,
            offsets={"predictions": 10, "labels": 7},
            puts={"one": b"1", "two": binary},
            outbox=[(1, DELTA)],
        ),
    )
    assert await store.commit(
        first.claim, commit(2, offsets={"predictions": 12}, puts={"three": b""}, deletes=["one", "never"])
    )
    heir = await store.claim("observe", 0, "b")
    assert heir.claim.epoch > first.claim.epoch
    assert heir.commit == 2
    assert heir.offsets == {"predictions": 12, "labels": 7}
    assert heir.state == {"two": binary, "three": b""}
    assert heir.outbox == [(1, DELTA)]


async def test_an_attempt_stands_until_it_is_survived(store: Store) -> None:
    """The next claim finds what was under way, whatever was committed meanwhile; only the last claimer may say."""
    first = await store.claim("observe", 0, "a")
    assert first.attempt is None
    attempt = Attempt(topic="labels", first=7, end=9, number=2)
    assert await store.attempt(first.claim, attempt)
    assert await store.commit(first.claim, commit(1, offsets={"predictions": 3}))
    heir = await store.claim("observe", 0, "b")
    assert heir.attempt == attempt
    assert not await store.attempt(first.claim, None)
    assert (await store.claim("observe", 0, "b")).attempt == attempt
    assert not await store.attempt(heir.claim, None)
    last = await store.claim("observe", 0, "c")
    assert await store.attempt(last.claim, None)
    assert (await store.claim("observe", 0, "d")).attempt is None


async def test_only_the_last_claimer_writes(store: Store) -> None:
    """A commit under an earlier claim is refused and changes nothing, even by the same owner."""
    old = await store.claim("judge", 0, "a")
    new = await store.claim("judge", 0, "a")
    assert not await store.commit(old.claim, commit(1, puts={"who": b"old"}, results={"doc": b"old"}))
    assert await store.commit(new.claim, commit(1, puts={"who": b"new"}))
    assert (await store.claim("judge", 0, "c")).state == {"who": b"new"}
    assert await store.results("judge", 1) == {}


async def test_a_commit_is_applied_once(store: Store) -> None:
    """The same commit sent again is true and changes nothing: its answer may have been lost."""
    holding = await store.claim("observe", 0, "a")
    one = commit(1, offsets={"labels": 5}, puts={"n": b"1"}, outbox=[(1, DELTA)])
    assert await store.commit(holding.claim, one)
    assert await store.commit(holding.claim, one)
    heir = await store.claim("observe", 0, "b")
    assert (heir.commit, len(heir.outbox)) == (1, 1)


async def test_a_lost_commit_is_noticed(store: Store) -> None:
    """A commit whose predecessor the store does not have is refused: state in between would be missing."""
    holding = await store.claim("observe", 0, "a")
    assert not await store.commit(holding.claim, commit(2, puts={"n": b"2"}))
    assert not (await store.claim("observe", 0, "b")).state


async def test_offsets_never_go_back(store: Store) -> None:
    """A commit that would move one offset back is refused as a whole."""
    holding = await store.claim("observe", 0, "a")
    assert await store.commit(holding.claim, commit(1, offsets={"predictions": 100, "labels": 9}))
    assert not await store.commit(
        holding.claim,
        commit(2, offsets={"predictions": 101, "labels": 8}, puts={"n": b"2"}, results={"d": b""}),
    )
    heir = await store.claim("observe", 0, "b")
    assert heir.offsets == {"predictions": 100, "labels": 9}
    assert not heir.state
    assert await store.results("observe", 1) == {}


async def test_published_messages_leave_the_outbox(store: Store) -> None:
    """A commit removes the messages up to `published`, and the next claim knows how far that went."""
    holding = await store.claim("observe", 0, "a")
    assert await store.commit(holding.claim, commit(1, outbox=[(1, DELTA), (2, DELTA), (3, DELTA)]))
    assert await store.commit(holding.claim, commit(2, outbox=[(4, DELTA)], published=2))
    heir = await store.claim("observe", 0, "b")
    assert [number for number, _ in heir.outbox] == [3, 4]
    assert heir.published == 2
    assert await store.commit(heir.claim, commit(3, published=4))
    heir = await store.claim("observe", 0, "c")
    assert (list(heir.outbox), heir.published) == ([], 4)


async def test_results_are_read_over_all_partitions(store: Store) -> None:
    """Readers get the documents of all partitions; one held by several goes by name and partition."""
    for partition in range(3):
        holding = await store.claim("judge", partition, "a")
        documents: dict[str, bytes | None] = {
            f"model:{partition}": b"%d" % partition,
            "source": b"s%d" % partition,
        }
        assert await store.commit(holding.claim, commit(1, results=documents))
        assert await store.commit(holding.claim, commit(2, results={"model:1": None, "model:9": None}))
    assert await store.results("judge", 4) == {
        "model:0": b"0",
        "model:2": b"2",
        "source@0": b"s0",
        "source@1": b"s1",
        "source@2": b"s2",
    }


async def test_headers_come_back(store: Store) -> None:
    """What a message carries beside key and value is in the outbox as it was."""
    message = Message("incidents", b"key", b"value", headers=(("ce_id", b"1"), ("ce_type", b"a.b")))
    holding = await store.claim("judge", 0, "a")
    assert await store.commit(holding.claim, commit(1, outbox=[(1, message)]))
    assert (await store.claim("judge", 0, "b")).outbox == [(1, message)]


async def test_what_people_say_is_kept_beside_the_partitions(store: Store) -> None:
    """Acknowledgements are put, replaced and removed by the id of their incident; none is no error."""
    assert await store.acknowledgements() == {}
    await store.acknowledge({"a": b"1", "b": b"2"})
    await store.acknowledge({"a": b"3"}, ["b", "never there"])
    assert await store.acknowledgements() == {"a": b"3"}
    await store.acknowledge({})
    assert await store.acknowledgements() == {"a": b"3"}
    assert await store.results("judge", 4) == {}


async def test_folds_and_partitions_are_apart(store: Store) -> None:
    """What one (fold, partition) writes no other one sees."""
    mine = await store.claim("observe", 1, "a")
    assert await store.commit(mine.claim, commit(1, puts={"n": b"1"}))
    for fold, partition in (("judge", 1), ("observe", 0), ("observe", 11)):
        assert not (await store.claim(fold, partition, "a")).state  # type: ignore[arg-type]


async def test_a_commit_may_be_large(store: Store) -> None:
    """Tens of thousands of fields and megabytes go in one commit, and come back."""
    holding = await store.claim("observe", 0, "a")
    puts = {f"field-{index}": b"x" * (index % 50) for index in range(20_000)} | {"big": b"y" * 5_000_000}
    outbox = [(number, DELTA) for number in range(1, 9_000)]
    assert await store.commit(holding.claim, commit(1, puts=puts, outbox=outbox))
    heir = await store.claim("observe", 0, "b")
    assert heir.state == puts
    assert heir.outbox == outbox
    assert await store.commit(heir.claim, commit(2, deletes=list(puts), published=8_999))
    last = await store.claim("observe", 0, "c")
    assert (dict(last.state), list(last.outbox)) == ({}, [])


async def test_one_of_many_rivals_wins(store: Store) -> None:
    """Of claimers at the same time exactly one may write: the last one. Others may be told so while they load."""
    claims = [store.claim("observe", 0, f"rival-{index}") for index in range(8)]
    answers = await asyncio.gather(*claims, return_exceptions=True)
    assert all(isinstance(answer, Holding | StoreError) for answer in answers)
    holdings = [answer for answer in answers if isinstance(answer, Holding)]
    written = [holding.claim.epoch for holding in holdings if await store.commit(holding.claim, commit(1))]
    assert written == [max(holding.claim.epoch for holding in holdings)]


Action = tuple[str, int]


@pytest.mark.parametrize("other", ["valkey"])
@given(
    actions=st.lists(
        st.tuples(st.sampled_from(["claim", "commit", "again", "skip", "back"]), st.integers(0, 2)),
        max_size=25,
    )
)
@profile(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_and_server_agree(
    actions: list[Action], other: str, request: pytest.FixtureRequest, unique: str
) -> None:
    """Whatever is asked of both stores in the same order, they answer the same."""
    url = request.getfixturevalue(other).url
    partition = _next_partition()

    async def compare() -> None:
        server = await open_store(Settings(redis=url, application=unique[-40:]))
        try:
            assert await _answers(server, actions, partition) == await _answers(
                MemoryStore(), actions, partition
            )
        finally:
            await server.close()

    asyncio.run(compare())


_partitions = iter(range(1_000_000))


def _next_partition() -> int:
    return next(_partitions)


async def _answers(store: Store, actions: list[Action], partition: int) -> list[object]:
    """What a store says to the actions of three workers."""
    claims = [await store.claim("observe", partition, f"worker-{worker}") for worker in range(3)]
    numbers = [holding.commit for holding in claims]
    answers: list[object] = []
    for step, (action, worker) in enumerate(actions):
        if action == "claim":
            newest = max(holding.claim.epoch for holding in claims)
            claims[worker] = await store.claim("observe", partition, f"worker-{worker}")
            numbers[worker] = claims[worker].commit
            answers.append(
                (claims[worker].claim.epoch > newest, claims[worker].offsets, claims[worker].state)
            )
            continue
        number = numbers[worker] + {"commit": 1, "again": 0, "skip": 2, "back": 1}[action]
        offset = 0 if action == "back" else 100 + step
        written = await store.commit(
            claims[worker].claim,
            commit(number, offsets={"labels": offset}, puts={f"f{step % 3}": b"%d" % step}),
        )
        numbers[worker] = number if written else numbers[worker]
        answers.append(written)
    last = await store.claim("observe", partition, "last")
    return [*answers, last.commit, last.offsets, last.state, list(last.outbox), last.published]
