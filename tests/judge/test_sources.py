"""The chain of deltas and the clocks of their sources."""

from __future__ import annotations

import msgspec

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Limits
from monitor_stream.events.results import ModelResults
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge import Judge
from tests.judge.deltas import Source, batch, judge, part

SPEC = ModelSpec(model="m", version="1", task="binary", window_seconds=300, horizon_seconds=3600)
LIMITS = Limits(idle_timeout_seconds=60.0)
T = 1_362_096_000


def document(fold: Judge) -> ModelResults:
    data = fold.drain().results["model:m"]
    assert data is not None
    return decode_json(ModelResults, data)


def one(source: Source, watermark: float = float(T), *, idle: bool = False) -> bytes:
    return source.delta({"1": part(SPEC, {"traffic": [(T, "", [1.0, 0.0])]})}, watermark, idle=idle)


def tick(fold: Judge, *times: float) -> None:
    """Let time pass, with nothing more to read."""
    for now in times:
        fold.apply(batch())
        fold.tick(now)


def predictions(results: ModelResults) -> int:
    return sum(results.versions["1"].totals.predictions.values())


def test_a_delta_counts_once() -> None:
    """Published twice, before and after the next ones, a delta counts once."""
    source = Source()
    first, second, third = one(source), one(source), one(source)
    fold = judge(SPEC)
    fold.apply(batch(first, first, second, first, second, third, second))
    results = document(fold)
    assert (predictions(results), results.forks, results.gaps) == (3, 0, 0)


def test_an_heir_continues_the_chain() -> None:
    """A new epoch that names the last delta as its predecessor is neither a fork nor a gap."""
    source = Source()
    before = one(source)
    source.epoch = 2
    after = one(source)
    fold = judge(SPEC)
    fold.apply(batch(before, after, before))
    results = document(fold)
    assert (predictions(results), results.forks, results.gaps) == (2, 0, 0)


def test_a_source_that_went_back_is_a_fork() -> None:
    """Another history with numbers that are known is counted, and followed from there; the old one is dropped."""
    source = Source()
    first, second, third = one(source), one(source), one(source)
    restored = Source(epoch=5)
    restored.last = (1, 1)
    other, next_of_other = one(restored), one(restored)
    fold = judge(SPEC)
    fold.apply(batch(first, second, third, other, third, next_of_other))
    results = document(fold)
    assert (predictions(results), results.forks, results.gaps) == (5, 1, 0)


def test_a_fork_may_bring_a_higher_number() -> None:
    """A delta that follows one of another epoch under the number we have is of another history too."""
    source = Source()
    fold = judge(SPEC)
    fold.apply(batch(one(source), one(source)))
    other = Source(epoch=3)
    other.last = (2, 2)
    fold.apply(batch(one(other)))
    results = document(fold)
    assert (predictions(results), results.forks, results.gaps) == (3, 1, 0)


def test_deltas_that_never_came_are_counted() -> None:
    """Where retention or a hand took deltas away, their number is known, at the beginning too."""
    source = Source()
    deltas = [one(source) for _ in range(7)]
    fold = judge(SPEC)
    fold.apply(batch(*deltas[2:3], *deltas[5:]))
    results = document(fold)
    assert (predictions(results), results.forks, results.gaps) == (3, 0, 4)


def test_the_chain_survives_a_restart() -> None:
    """What was taken before a commit is not taken again after it."""
    source = Source()
    first, second = one(source), one(source)
    fold = judge(SPEC)
    fold.apply(batch(first))
    heir = judge(SPEC, state=fold.changes().puts)
    heir.apply(batch(first, second))
    assert predictions(document(heir)) == 2


def test_a_source_never_heard_holds_until_the_time_out() -> None:
    """It counts for `idle_timeout_seconds` of processing time since the model was first heard."""
    fold = judge(SPEC, limits=LIMITS)
    tick(fold, 1000.0)
    heard = Source(0, 2)
    fold.apply(batch(one(heard, T + 200.0)))
    tick(fold, 1059.0, 1060.0)
    fold.apply(batch(one(heard, T + 300.0)))
    assert document(fold).watermark is None
    tick(fold, 1061.0)
    fold.apply(batch(one(Source(1, 2), T - 500.0)))
    assert document(fold).watermark == T + 300.0


def test_a_source_never_heard_holds_while_deltas_wait_to_be_read() -> None:
    """Whoever is behind in reading deltas cannot say that one never came."""
    fold = judge(SPEC, limits=LIMITS)
    fold.tick(1000.0)
    fold.apply(batch(one(Source(0, 2), T + 200.0)))
    for now in range(1001, 2000):
        fold.tick(float(now))
    fold.apply(batch(one(Source(1, 2), T + 100.0)))
    assert document(fold).watermark == T + 100.0


def test_an_idle_source_is_not_waited_for() -> None:
    """A source that calls itself idle does not count until it takes that back, and what time had reached it keeps."""
    fold, slow, fast = judge(SPEC, limits=LIMITS), Source(0, 2), Source(1, 2)
    fold.apply(batch(one(slow, T + 10.0), one(fast, T + 400.0)))
    assert document(fold).watermark == T + 10.0
    fold.apply(batch(slow.delta({}, T + 10.0, idle=True)))
    results = document(fold)
    assert results.watermark == T + 400.0
    assert len(results.versions["1"].windows) == 1
    fold.apply(batch(one(slow, T + 30.0), one(fast, T + 500.0)))
    assert document(fold).watermark == T + 400.0


def test_no_clock_of_ours_makes_a_source_idle() -> None:
    """A source that says nothing any more, having died perhaps with much to read, holds for as long as it takes."""
    fold, dead, fast = judge(SPEC, limits=LIMITS), Source(0, 2), Source(1, 2)
    fold.apply(batch(one(dead, T + 10.0)))
    for now in range(1000, 5000, 10):
        fold.apply(batch(one(fast, T + now)))
        tick(fold, float(now))
    assert document(fold).watermark == T + 10.0


def test_nothing_is_given_up_before_the_first_tick() -> None:
    """Without processing time, as in a replay, or just after a restart, silence is not measured."""
    fold = judge(SPEC, limits=LIMITS)
    fold.apply(batch(one(Source(0, 2), T + 300.0)))
    assert document(fold).watermark is None
    heir = judge(SPEC, limits=LIMITS, state=fold.changes().puts)
    tick(heir, 5000.0, 5059.0, 5060.0)
    heir.apply(batch(one(Source(1, 2), T + 10.0)))
    assert document(heir).watermark == T + 10.0


def test_where_all_are_idle_the_furthest_counts() -> None:
    """Nobody is waited for, so event time is what any of them has reached, and goes on as they tell."""
    fold, one_source, other = judge(SPEC, limits=LIMITS), Source(0, 2), Source(1, 2)
    fold.apply(batch(one(one_source, T + 10.0, idle=True), one(other, T + 20.0, idle=True)))
    assert document(fold).watermark == T + 20.0
    fold.apply(batch(one_source.delta({}, T + 70.0, idle=True)))
    assert document(fold).watermark == T + 70.0


def test_state_of_before_idleness_was_told_is_read() -> None:
    """A source that was written without the word counts as one that is not idle."""
    fold = judge(SPEC, limits=LIMITS)
    fold.apply(batch(one(Source(0, 2), T + 10.0, idle=True)))
    state = dict(fold.changes().puts)
    model = msgspec.msgpack.decode(state['["model","m"]'])
    ((_, source),) = model[0][5].items()
    assert source.pop() is True
    heir = judge(SPEC, limits=LIMITS, state=state | {'["model","m"]': msgspec.msgpack.encode(model)})
    heir.apply(batch(one(Source(1, 2), T + 500.0)))
    assert document(heir).watermark == T + 10.0
