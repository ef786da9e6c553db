"""The chain of deltas and the clocks of their sources."""

from __future__ import annotations

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


def one(source: Source, watermark: float = float(T)) -> bytes:
    return source.delta({"1": part(SPEC, {"traffic": [(T, "", [1.0, 0.0])]})}, watermark)


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
    fold.tick(1000.0)
    heard = Source(0, 2)
    fold.apply(batch(one(heard, T + 200.0)))
    fold.tick(1059.0)
    fold.apply(batch(one(heard, T + 300.0)))
    assert document(fold).watermark is None
    fold.tick(1060.0)
    fold.apply(batch(one(Source(1, 2), T - 500.0)))
    assert document(fold).watermark == T + 300.0


def test_a_silent_source_is_given_up() -> None:
    """A source that says nothing for the time-out does not count, and what time had reached it keeps."""
    fold, slow, fast = judge(SPEC, limits=LIMITS), Source(0, 2), Source(1, 2)
    fold.tick(1000.0)
    fold.apply(batch(one(slow, T + 10.0), one(fast, T + 20.0)))
    assert document(fold).watermark == T + 10.0
    fold.tick(1050.0)
    fold.apply(batch(one(fast, T + 400.0)))
    fold.tick(1060.0)
    results = document(fold)
    assert results.watermark == T + 400.0
    assert len(results.versions["1"].windows) == 1
    fold.apply(batch(one(slow, T + 30.0)))
    assert document(fold).watermark == T + 400.0


def test_nothing_is_idle_before_the_first_tick() -> None:
    """Without processing time, as in a replay, or just after a restart, silence is not measured."""
    fold = judge(SPEC, limits=LIMITS)
    fold.apply(batch(one(Source(0, 2), T + 300.0)))
    assert document(fold).watermark is None
    heir = judge(SPEC, limits=LIMITS, state=fold.changes().puts)
    heir.tick(5000.0)
    heir.tick(5059.0)
    heir.apply(batch(one(Source(1, 2), T + 10.0)))
    assert document(heir).watermark == T + 10.0


def test_all_silent_keeps_the_time() -> None:
    """When no source counts any more, event time stands where it was."""
    fold = judge(SPEC, limits=LIMITS)
    fold.tick(0.0)
    fold.apply(batch(one(Source(0, 1), T + 10.0)))
    fold.tick(500.0)
    assert document(fold).watermark == T + 10.0
