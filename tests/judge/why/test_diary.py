"""Facts in the order in which they were known, and not too many."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.judge.persist import pack, unpack
from monitor_stream.judge.why import Changed, Diary, Fact, Losses, Sampled
from monitor_stream.judge.why.diary import MAX_KEPT, MAX_WAITING, DiaryState


def changed(known: float, detail: str = "") -> Changed:
    return Changed(known, known, known, "spec", detail)


@settings(max_examples=50)
@given(st.lists(st.floats(0.0, 100.0), max_size=20), st.lists(st.floats(0.0, 110.0), max_size=5))
def test_however_they_come_they_are_told_in_one_order(times: list[float], clocks: list[float]) -> None:
    """None before its time, in whatever portions they are noted and released."""
    facts = [changed(time, str(at)) for at, time in enumerate(times)]
    together = Diary()
    together.note(facts)
    expected = list(together.release(200.0))
    one_by_one, told = Diary(), list[Fact]()
    left = sorted(facts, key=lambda fact: fact.known)
    for clock in sorted(clocks):
        one_by_one.note([fact for fact in left if fact.known < clock])
        left = [fact for fact in left if fact.known >= clock]
        told += one_by_one.release(clock)
        assert all(fact.known < clock for fact in told)
    one_by_one.note(left)
    told += one_by_one.release(200.0)
    assert told == expected
    assert one_by_one.of(Changed) == together.of(Changed)


def test_the_newest_of_each_kind_are_remembered() -> None:
    """So many of each, so that what comes every day does not push out what is rare."""
    diary = Diary()
    diary.note([changed(0.5)])
    diary.note([Sampled(float(at), at, at + 1.0, []) for at in range(3 * MAX_KEPT)])
    list(diary.release(float("inf")))
    assert len(diary.of(Sampled)) == MAX_KEPT
    assert diary.of(Sampled)[-1].known == 3 * MAX_KEPT - 1
    assert diary.of(Changed) == [changed(0.5)]


def test_they_do_not_wait_without_bound() -> None:
    """Years of predictions read ahead of their labels: the oldest are let go before their time."""
    diary = Diary()
    diary.note(changed(float(at)) for at in range(3 * MAX_WAITING))
    list(diary.release(0.0))
    assert len(diary.state.waiting) <= MAX_WAITING + MAX_WAITING // 2


def test_a_restart_forgets_nothing() -> None:
    """Every kind of fact comes back as it was."""
    diary = Diary()
    diary.note(
        [changed(1.0), Sampled(2.0, 1.0, 2.0, [{"a": 1.5, "b": None, "c": "x"}]), Losses(3.0, 1.0, 2.0, [])]
    )
    list(diary.release(2.5))
    restored = Diary(unpack(DiaryState, pack(diary.state)))
    assert restored.state == diary.state
    assert list(restored.release(9.0)) == [Losses(3.0, 1.0, 2.0, [])]
