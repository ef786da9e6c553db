"""When windows close, are revised, settle, and what becomes of rows that come too late."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.fold import Limits
from monitor_stream.events.results import ModelResults, VersionResults, Window
from monitor_stream.events.spec import OTHER, Feature, ModelSpec, NumericReference, Specs
from monitor_stream.events.tables import TableName
from monitor_stream.judge import Judge, windows
from tests.judge.deltas import SEAT, Row, Source, batch, judge, part

SPEC = ModelSpec(
    model="m", version="1", task="multiclass", segments=["carrier"], window_seconds=300, horizon_seconds=3600
)
T = 1_362_096_000


def traffic(*starts: int, n: float = 1.0, group: str = "") -> dict[TableName, list[Row]]:
    return {"traffic": [(start, group, [n, 0.0]) for start in starts]}


def published(fold: Judge) -> list[Window]:
    return [decode_json(Window, m.value) for m in fold.drain().messages if m.topic == "windows"]


def results(fold: Judge, version: str = "1") -> VersionResults:
    document = fold.drain().results["model:m"]
    assert document is not None
    return decode_json(ModelResults, document).versions[version]


def feed(
    fold: Judge, source: Source, tables: Mapping[TableName, list[Row]], watermark: float, clock: float
) -> None:
    fold.apply(batch(source.delta({"1": part(SPEC, tables)}, watermark, clock)))


def test_a_window_closes_when_the_watermark_passes_its_end() -> None:
    """Up to its last second a window is open; at its end it is published, its labels still awaited."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(T), T + 299.0, T)
    assert published(fold) == []
    feed(fold, source, {}, T + 300.0, T)
    [window] = published(fold)
    assert (window.start, window.end, window.n) == (moment(T), moment(T + 300), 1)
    assert (window.revision, window.settled) == (1, False)


def test_the_slowest_source_holds_a_window_open() -> None:
    """A window closes at the minimum over the sources, those not heard yet included."""
    fold, first, second = judge(SPEC), Source(0, 2), Source(1, 2)
    feed(fold, first, traffic(T), T + 900.0, T)
    assert published(fold) == []
    feed(fold, second, traffic(T), T + 299.0, T)
    assert published(fold) == []
    feed(fold, second, {}, T + 300.0, T)
    assert [window.n for window in published(fold)] == [2]


def test_a_window_settles_when_the_clock_passes_its_horizon() -> None:
    """At end + horizon a window is published for the last time, changed or not; then its sums are dropped."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(T), T + 300.0, T)
    feed(fold, source, {}, T + 3600.0, T + 3899.0)
    assert [window.settled for window in published(fold)] == [False]
    feed(fold, source, {}, T + 3900.0, T + 3900.0)
    [window] = published(fold)
    assert (window.revision, window.settled, window.n) == (2, True, 1)


def test_revisions_keep_their_distance() -> None:
    """A closed window that changes is published again, at most once in the interval of processing time."""
    fold, source = judge(SPEC, limits=Limits(revision_interval_seconds=30.0)), Source()
    fold.tick(100.0)
    feed(fold, source, traffic(T), T + 300.0, T)
    assert len(published(fold)) == 1
    feed(fold, source, traffic(T), T + 300.0, T)
    fold.tick(129.0)
    assert published(fold) == []
    fold.tick(130.0)
    assert [(window.revision, window.n) for window in published(fold)] == [(2, 2)]
    fold.tick(160.0)
    assert published(fold) == []


def test_revisions_keep_their_distance_over_a_restart() -> None:
    """When the last one was is not known then, so a whole interval is waited; what is unchanged is not published."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(T, T + 300), T + 600.0, T)
    feed(fold, source, traffic(T), T + 600.0, T)
    heir = judge(SPEC, limits=Limits(revision_interval_seconds=30.0), state=fold.changes().puts)
    heir.tick(1000.0)
    heir.tick(1029.0)
    assert published(heir) == []
    heir.tick(1030.0)
    assert [(window.start, window.revision, window.n) for window in published(heir)] == [(moment(T), 2, 2)]


def test_a_window_without_a_prediction_is_none() -> None:
    """Records that count in no window, such as those too late, do not make one."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, {"quality": [(T, "late", [3.0])]}, T + 300.0, T)
    fold.finish()
    document = results(fold)
    assert (document.windows, document.days) == ([], [])
    assert document.totals.quality == {"late": 3}


def test_rows_for_a_settled_window_are_counted_as_late() -> None:
    """They are in the totals and in no window, and the settled window is not published again."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(T), T + 4000.0, T + 4000.0)
    assert [window.settled for window in published(fold)] == [True]
    feed(fold, source, traffic(T, T + 3900, n=2.0), T + 4000.0, T + 4000.0)
    assert published(fold) == []
    totals = results_after_finish(fold).totals
    assert (totals.late_rows, totals.predictions) == (1, {"": 5})


def results_after_finish(fold: Judge) -> VersionResults:
    fold.finish()
    return results(fold)


def test_late_stays_late_after_a_restart_and_with_a_longer_horizon() -> None:
    """What had settled under one spec does not come back under another."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(T), T + 90_000.0, T + 90_000.0)
    published(fold)
    longer = ModelSpec(
        model="m", version="1", task="multiclass", window_seconds=300, horizon_seconds=10 * 86400
    )
    heir = judge(longer, state=fold.changes().puts)
    heir.apply(batch(source.delta({"1": part(longer, traffic(T))}, T + 90_000.0)))
    assert published(heir) == []
    assert results_after_finish(heir).totals.late_rows == 1


def test_a_window_settles_the_moment_nothing_can_come() -> None:
    """A row for a window that ends a whole horizon before the clock, to the second, is late."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, {}, T + 3900.0, T + 3900.0)
    feed(fold, source, traffic(T, T + 300), T + 3900.0, T + 3900.0)
    assert results_after_finish(fold).totals.late_rows == 1


def test_a_window_that_closed_stays_closed_after_a_restart() -> None:
    """The heir does not publish it anew."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(T), T, T)
    state = dict(fold.changes().puts)
    feed(fold, source, {}, T + 300.0, T)
    assert len(published(fold)) == 1
    heir = judge(SPEC, state={**state, **fold.changes().puts})
    feed(heir, source, {}, T + 301.0, T)
    assert published(heir) == []


def test_beyond_the_bound_the_oldest_windows_settle_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timestamps all over the past cannot fill the memory."""
    monkeypatch.setattr(windows, "MAX_WINDOWS", 3)
    fold, source = judge(SPEC), Source()
    feed(fold, source, traffic(*range(T, T + 1500, 300)), T, T)
    assert [(w.start, w.settled) for w in published(fold)] == [(moment(T), True), (moment(T + 300), True)]
    feed(fold, source, traffic(T), T, T)
    assert results_after_finish(fold).totals.late_rows == 1


def test_a_new_window_length_leaves_old_windows_whole() -> None:
    """Rows say by their digest which spec they were made with, so old and new windows stand side by side."""
    longer = ModelSpec(model="m", version="1", task="multiclass", window_seconds=600, horizon_seconds=3600)
    specs = Specs([SPEC])
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    feed(fold, source, traffic(T), T, T)
    specs.add(longer)
    fold.apply(batch(source.delta({"1": part(longer, traffic(T))}, T)))
    feed(fold, source, traffic(T), T + 600.0, T)
    assert [((w.end - w.start).total_seconds(), w.n) for w in published(fold)] == [(300, 2), (600, 1)]


def test_an_inferred_spec_travels_with_the_delta_and_is_remembered() -> None:
    """A model nobody described has the windows of the spec OBSERVE inferred, after a restart too."""
    inferred = ModelSpec(model="m", version="1", task="regression", window_seconds=60.0, inferred=True)
    fold, source = judge(), Source()
    fold.apply(batch(source.delta({"1": part(inferred, traffic(T), learned=inferred)}, T)))
    heir = judge(state=fold.changes().puts)
    heir.apply(batch(source.delta({"1": part(inferred, traffic(T))}, T + 60.0)))
    outputs = heir.drain()
    [window] = [decode_json(Window, m.value) for m in outputs.messages]
    assert (window.end, window.n) == (moment(T + 60), 2)
    document = decode_json(ModelResults, outputs.results["model:m"] or b"").versions["1"]
    assert (document.task, document.inferred, document.digest) == ("regression", True, inferred.digest)


def test_a_former_inferred_spec_does_not_come_back() -> None:
    """What still expires under it carries it, and is not taken for news."""
    first = ModelSpec(model="m", version="1", task="regression", window_seconds=60.0, inferred=True)
    second = ModelSpec(model="m", version="1", task="binary", window_seconds=60.0, inferred=True)
    fold, source = judge(), Source()
    fold.apply(batch(source.delta({"1": part(second, traffic(T), learned=second)}, T)))
    fold.apply(batch(source.delta({"1": part(first, outcomes={"expired": 1}, learned=first)}, T)))
    assert results(fold).digest == second.digest


def test_windows_are_published_under_the_spec_they_were_made_with() -> None:
    """Moments are centred on that reference, and a longer horizon of theirs is still waited for."""

    def spec(mean: float, horizon: float) -> ModelSpec:
        reference = NumericReference(
            n=9, missing=0.0, mean=mean, std=1.0, minimum=0.0, maximum=200.0, edges=[], shares=[1.0]
        )
        return ModelSpec(
            model="m",
            version="1",
            task="binary",
            window_seconds=300.0,
            horizon_seconds=horizon,
            features=[Feature(name="x", kind="numeric", reference=reference)],
        )

    old, new = spec(100.0, 7200.0), spec(50.0, 600.0)
    rows: dict[TableName, list[Row]] = traffic(T) | {
        "features": [(T, "x", [2.0, 0.0, 0.0, 0.0, 0.0, 4.0, 8.0])]
    }
    specs = Specs([old])
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    fold.apply(batch(source.delta({"1": part(old, rows)}, T)))
    specs.add(new)
    fold.apply(batch(source.delta({"1": part(new, traffic(T + 300))}, T + 600.0, T + 3600.0)))
    state = fold.changes().puts
    assert [(w.settled, w.reference, [f.mean for f in w.features]) for w in published(fold)] == [
        (False, old.digest, [102.0]),
        (False, new.digest, []),
    ]
    heir = Judge.restore(state, SEAT, specs, Limits())
    heir.apply(
        batch(
            source.delta({"1": part(old, {"delay": [(T, "", [1.0] + [0.0] * 14)]})}, T + 3600.0, T + 7500.0)
        )
    )
    assert [(w.settled, w.labelled, [f.mean for f in w.features]) for w in published(heir)] == [
        (True, 1, [102.0])
    ]
    heir.tick(0.0)
    assert [(w.settled, w.reference) for w in published(heir)] == [(True, new.digest)]
    assert not [name for name in fields_of(heir, state) if old.digest in name]


def fields_of(fold: Judge, state: Mapping[str, bytes]) -> set[str]:
    changes = fold.changes()
    return (set(state) | set(changes.puts)) - set(changes.deletes)


def test_rows_before_their_spec_are_not_lost() -> None:
    """A spec may reach OBSERVE a moment before JUDGE; the columns of the rows tell the task meanwhile."""
    tables: dict[TableName, list[Row]] = traffic(T) | {"performance": [(T, "", [1.0, 0.0, 0.0, 0.0])]}
    specs = Specs()
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    feed(fold, source, tables, T, T)
    specs.add(SPEC)
    feed(fold, source, tables, T + 300.0, T)
    [window] = published(fold)
    assert (window.n, window.metrics.values["accuracy"]) == (2, 1.0)


def test_a_corrected_task_takes_over() -> None:
    """Where an inferred task was wrong, error sums of the right one replace those of the wrong one."""
    right = ModelSpec(model="m", version="1", task="regression", window_seconds=300)
    specs = Specs([SPEC])
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    feed(fold, source, traffic(T) | {"performance": [(T, "", [1.0, 0.0, 0.0, 0.0])]}, T, T)
    specs.add(right)
    sums = {"performance": [(T, "", [2.0, 0.0, 4.0, 4.0, 8.0, 1.0, 1.0, 1.0])]}
    fold.apply(batch(source.delta({"1": part(right, sums)}, T + 300.0)))  # type: ignore[arg-type]
    [window] = published(fold)
    assert (window.n, window.metrics.values["mae"]) == (1, 2.0)


def test_segments_beyond_the_bound_are_counted_together() -> None:
    """The largest values stand alone, the rest is one segment: nothing is lost, whatever the sources sent."""
    spec = ModelSpec(model="m", version="1", task="multiclass", window_seconds=300, max_segment_values=2)
    rows = [
        (T, f"carrier={name}", [n, 0.0]) for name, n in (("A", 5.0), ("B", 1.0), ("C", 7.0), (OTHER, 2.0))
    ]
    fold, source = judge(spec), Source()
    fold.apply(batch(source.delta({"1": part(spec, {"traffic": [(T, "", [15.0, 0.0]), *rows]})}, T + 300.0)))
    [window] = published(fold)
    assert [(s.value, s.n) for s in window.segments] == [("C", 7), ("A", 5), (OTHER, 3)]


def test_features_have_moments_around_the_reference() -> None:
    """Moments travel centred on the reference mean; a category has none."""
    reference = NumericReference(
        n=9, missing=0.0, mean=100.0, std=1.0, minimum=0.0, maximum=200.0, edges=[], shares=[1.0]
    )
    spec = ModelSpec(
        model="m",
        version="1",
        task="multiclass",
        features=[
            Feature(name="x", kind="numeric", reference=reference),
            Feature(name="c", kind="categorical"),
        ],
    )
    rows: list[Row] = [
        (T, "x", [5.0, 1.0, 0.0, 0.0, 0.0, 4.0, 12.0]),
        (T, "c", [5.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]),
    ]
    fold, source = judge(spec), Source()
    fold.apply(batch(source.delta({"1": part(spec, traffic(T) | {"features": rows})}, T + 300.0)))
    [window] = published(fold)
    category, number = window.features
    assert (number.name, number.mean, number.std, number.missing) == ("x", 101.0, 2.0**0.5, 1)
    assert (category.name, category.mean, category.std, category.unseen) == ("c", None, None, 2)


def test_a_constant_feature_has_no_deviation() -> None:
    """The standard deviation of a constant is 0, not what rounding leaves of its squares."""
    value, n = 0.1 + 1e5, 10_000
    total, squares = float(np.full(n, value).cumsum()[-1]), float(np.full(n, value * value).cumsum()[-1])
    spec = ModelSpec(model="m", version="1", task="multiclass", features=[Feature(name="x", kind="numeric")])
    rows: list[Row] = [(T, "x", [float(n), 0.0, 0.0, 0.0, 0.0, total, squares])]
    fold, source = judge(spec), Source()
    fold.apply(batch(source.delta({"1": part(spec, traffic(T) | {"features": rows})}, T + 300.0)))
    assert published(fold)[0].features[0].std == 0.0


def test_rolling_spans_are_at_least_a_window_long() -> None:
    """An hour of 10-minute windows can be rolled, five minutes of them cannot."""
    spec = ModelSpec(model="m", version="1", task="multiclass", window_seconds=600, horizon_seconds=60)
    fold, source = judge(spec), Source()
    for start in range(T, T + 7200, 600):
        fold.apply(batch(source.delta({"1": part(spec, traffic(start))}, start + 600.0)))
    rolling = results(fold).rolling
    assert {name: (span.n, span.end) for name, span in rolling.items()} == {
        "1h": (6, moment(T + 7200)),
        "1d": (12, moment(T + 7200)),
    }
