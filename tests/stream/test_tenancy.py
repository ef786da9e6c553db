"""A fold with its claim: what it has seen, what it will write, what it has left to publish."""

import asyncio
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.events.fold import Batch, Changes, Limits, Message, Outputs, Seat
from monitor_stream.events.spec import Specs
from monitor_stream.state.contract import Claim, Holding
from monitor_stream.state.memory import MemoryStore
from monitor_stream.stream.tenancy import Tenancy
from tests.stream.counting import CountingObserve

MESSAGE = Message("deltas", b"key", b"value")


def tenancy(*, commit: int = 0, outbox: tuple[int, ...] = (), published: int = 0) -> Tenancy:
    claim = Claim(fold="observe", partition=0, owner="a", epoch=1)
    holding = Holding(
        claim=claim,
        commit=commit,
        offsets={"labels": 10},
        state={},
        outbox=[(number, MESSAGE) for number in outbox],
        published=published,
    )
    fold = CountingObserve.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs(), Limits())
    return Tenancy(holding, fold, ("predictions", "labels"), 1)


class Scripted(CountingObserve):
    """Tells what it was given to tell."""

    script: ClassVar[list[tuple[Outputs, Changes]]] = []

    def drain(self) -> Outputs:
        self._told = self.script.pop(0) if self.script else (Outputs(), Changes())
        return self._told[0]

    def changes(self) -> Changes:
        return self._told[1]


def batch(offsets: list[int]) -> Batch:
    return Batch(
        topic="labels",
        offsets=offsets,
        timestamps=[float(offset) for offset in offsets],
        values=[b"%d" % offset for offset in offsets],
    )


def test_the_same_commit_is_prepared_until_it_is_written() -> None:
    """What was prepared stays the next commit: what is applied meanwhile belongs to the one after."""
    held = tenancy(commit=4)
    held.apply(batch([10, 11]), 12)
    first = held.prepare(0.0)
    held.apply(batch([12]), 13)
    assert held.prepare(0.0) is first
    assert first is not None
    assert (first.number, first.offsets["labels"]) == (5, 12)
    assert not held.committed()
    second = held.prepare(0.0)
    assert second is not None
    assert (second.number, second.offsets["labels"]) == (6, 13)
    held.committed()
    assert held.uncommitted == 0


def test_nothing_new_is_no_commit() -> None:
    """An idle partition writes nothing."""
    held = tenancy()
    assert held.prepare(0.0) is None


def test_messages_are_numbered_on() -> None:
    """A message has the number after the newest one ever given, whether that was left over or published."""
    for held in (tenancy(outbox=(6, 7), published=5), tenancy(published=7)):
        held.apply(batch([10]), 11)
        commit = held.prepare(0.0)
        assert commit is not None
        assert [number for number, _ in commit.outbox] == [8]


def test_what_is_published_is_forgotten_by_the_next_commit() -> None:
    """Messages stay in the outbox until they are known to be on Kafka; then one more commit removes them."""
    held = tenancy(outbox=(6, 7), published=5)
    assert held.unpublished == [MESSAGE, MESSAGE]
    held.published(2)
    commit = held.prepare(0.0)
    assert commit is not None
    assert (commit.published, commit.outbox) == (7, [])
    held.committed()
    assert held.prepare(0.0) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12))))
def test_overlapping_fetches_count_each_offset_once(fetches: list[tuple[int, int]]) -> None:
    """Fetches may begin anywhere at or before the next offset; every offset is taken once, in order."""
    held = tenancy()
    taken = 0
    for back, length in fetches:
        start = max(0, held.offsets["labels"] - back)
        offsets = list(range(start, start + length))
        new, known = held.apply(batch(offsets), start + length)
        assert new + known == length
        taken += new
    assert held.offsets["labels"] == 10 + taken


def test_marks_of_transactions_are_passed() -> None:
    """An end without records moves on behind the marks that lie there."""
    held = tenancy()
    held.apply(batch([10]), 11)
    held.apply(Batch(topic="labels", offsets=[], timestamps=[], values=[], ended=True), 12)
    assert held.offsets["labels"] == 12


NAMES = st.sampled_from("abc")
TOLD = st.tuples(
    st.dictionaries(NAMES, st.binary(max_size=2)),
    st.lists(NAMES, unique=True),
    st.dictionaries(NAMES, st.none() | st.binary(max_size=2)),
    st.integers(0, 2),
)


@given(st.lists(TOLD, max_size=4))
def test_told_in_parts_is_told_at_once(
    told: list[tuple[dict[str, bytes], list[str], dict[str, bytes | None], int]],
) -> None:
    """One commit of what a fold told bit by bit leaves what a commit of each bit would have left."""
    bits = [
        (Outputs([MESSAGE] * messages, results), Changes(puts, deletes))
        for puts, deletes, results, messages in told
    ]
    assert asyncio.run(_left(bits, at_once=True)) == asyncio.run(_left(bits, at_once=False))


async def _left(bits: list[tuple[Outputs, Changes]], *, at_once: bool) -> object:
    Scripted.script = bits.copy()
    store = MemoryStore()
    holding = await store.claim("observe", 0, "a")
    fold = Scripted.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs(), Limits())
    held = Tenancy(holding, fold, ("labels",), 1)
    while Scripted.script:
        if at_once:
            held.tell(0.0)
        elif (commit := held.prepare(0.0)) is not None:
            assert await store.commit(holding.claim, commit)
            held.committed()
    if (commit := held.prepare(0.0)) is not None:
        assert await store.commit(holding.claim, commit)
    left = await store.claim("observe", 0, "b")
    return left.state, left.outbox, await store.results("observe", 1)
