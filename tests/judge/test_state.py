"""What JUDGE writes: what changed, in bytes that another process can read."""

from __future__ import annotations

import pytest

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge import Judge
from monitor_stream.judge.persist import UnknownSchemaError
from tests.judge.deltas import Row, Source, batch, judge, part

SPEC = ModelSpec(model="m", version="1", task="binary", window_seconds=300.0, horizon_seconds=3600.0)
T = 1_362_096_000


def feed(fold: Judge, source: Source, *starts: int, watermark: float = 0.0, errors: int = 0) -> None:
    rows: list[Row] = [(start, "", [1.0, 0.0]) for start in starts]
    pairs = [(T + 1e6 + at, 1.0) for at in range(errors)]
    fold.apply(batch(source.delta({"1": part(SPEC, {"traffic": rows}, errors=pairs)}, watermark)))


def test_a_commit_writes_what_changed() -> None:
    """Of many open windows the one that rows came for; an error chunk once; without news nothing."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, *range(T, T + 30_000, 300), errors=5)
    first = fold.changes()
    assert len([name for name in first.puts if "window" in name]) == 100
    assert len([name for name in first.puts if "held" in name]) == 1
    feed(fold, source, T + 300)
    second = fold.changes()
    assert [name for name in second.puts if "window" in name] == [f'["window","m","1",{T + 300},300.0]']
    assert not [name for name in second.puts if "held" in name]
    fold.tick(5.0)
    assert (fold.changes().puts, list(fold.changes().deletes)) == ({}, [])


def test_settled_windows_and_fed_errors_are_deleted() -> None:
    """In the end only totals, detectors and what readers are shown is left."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, *range(T, T + 30_000, 300), errors=5)
    state = dict(fold.changes().puts)
    feed(fold, source, watermark=T + 2e6)
    changes = fold.changes()
    state |= changes.puts
    for name in changes.deletes:
        del state[name]
    kinds = sorted({name.split(",")[0] for name in state})
    assert kinds == [
        '["beginnings"',
        '["for_whom"',
        '["jumps"',
        '["model"',
        '["monitor"',
        '["quality"',
        '["settled"',
        '["shown"',
        '["shown_day"',
        '["spec"',
        '["version"',
        '["volume"',
        '["window"',
        "schema",
    ]
    day_before_the_newest_end = T + 30_000 - 86400
    assert all(int(name.split(",")[3]) >= day_before_the_newest_end for name in state if '"window"' in name)


def test_what_readers_are_no_longer_shown_is_deleted() -> None:
    """The state holds as many shown windows as the document."""
    fold, source = judge(SPEC), Source()
    state: dict[str, bytes] = {}
    for start in range(T, T + 300 * 150, 3000):
        feed(fold, source, *range(start, start + 3000, 300), watermark=start + 3000.0)
        changes = fold.changes()
        state |= changes.puts
        for name in changes.deletes:
            del state[name]
    assert len([name for name in state if '"shown"' in name]) == 100


def test_wide_tables_are_written_without_their_zeros() -> None:
    """Score histograms of 400 bins cost what they hold."""
    rows: list[Row] = [(T, "positive", [1.0] + [0.0] * 399)]
    fold, source = judge(SPEC), Source()
    fold.apply(batch(source.delta({"1": part(SPEC, {"scores": rows})})))
    assert len(fold.changes().puts[f'["window","m","1",{T},300.0]']) < 150


def test_state_of_another_schema_is_refused() -> None:
    """The message says what was found and what to do."""
    fold = judge(SPEC)
    feed(fold, Source(), T)
    state = dict(fold.changes().puts)
    assert state["schema"] == b"3"
    for other in ({"schema": b"99"}, {"schema": b""}):
        with pytest.raises(UnknownSchemaError, match="monitor-stream rebuild"):
            judge(SPEC, state=state | other)
    del state["schema"]
    with pytest.raises(UnknownSchemaError, match="None"):
        judge(SPEC, state=state)


def test_names_may_hold_any_character() -> None:
    """Commas, quotes and brackets in the names of models and versions do not mix up fields."""
    fold = judge()
    for model, version in (('a","b', "c"), ("a", 'b","c'), ("a\n", "]"), ("ä", "")):
        source = Source(model=model)
        fold.apply(batch(source.delta({version: part(SPEC, {"traffic": [(T, "", [1.0, 0.0])]})})))
    heir = judge(state=fold.changes().puts)
    heir.finish()
    assert len([message for message in heir.drain().messages if message.topic == "windows"]) == 4
