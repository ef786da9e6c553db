"""A fold with its claim: what it has seen, what it will write, what it has left to publish."""

from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.events.fold import Batch, Limits, Message, Seat
from monitor_stream.events.spec import Specs
from monitor_stream.state.contract import Claim, Holding
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
    assert held.committed() is first
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
