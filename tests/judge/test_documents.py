"""The document of a model: bounded, current, and written only when something changed."""

from __future__ import annotations

from monitor_stream.events.codec import decode_json
from monitor_stream.events.results import ModelResults, Window
from monitor_stream.events.spec import OTHER, Baseline, ErrorScale, ModelSpec
from monitor_stream.events.tables import ERROR_BOUNDS
from monitor_stream.judge import Judge
from monitor_stream.judge.history import WINDOWS
from tests.judge.deltas import Row, Source, batch, judge, part

SPEC = ModelSpec(
    model="m",
    version="1",
    task="regression",
    segments=["carrier"],
    window_seconds=3600.0,
    horizon_seconds=3600.0,
    error_scale=ErrorScale(20.0, 5.0),
    baseline={"mae": Baseline(20.0, 1.0, 10)},
    owner="team-a",
)
T = 1_362_096_000
HOUR, DAY = 3600, 86400


def document(fold: Judge) -> ModelResults:
    data = fold.drain().results["model:m"]
    assert data is not None
    return decode_json(ModelResults, data)


def hours(count: int) -> list[Row]:
    return [(T + HOUR * at, group, [1.0, 0.0]) for at in range(count) for group in ("", "carrier=UA")]


def test_a_document_holds_the_newest_windows_and_days() -> None:
    """100 windows and 400 days, oldest first; details in the newest of them, all on the windows topic."""
    fold, source = judge(SPEC), Source()
    fold.apply(batch(source.delta({"1": part(SPEC, {"traffic": hours(402 * 24)})}, T)))
    fold.finish()
    outputs = fold.drain()
    told = [decode_json(Window, message.value) for message in outputs.messages]
    found = decode_json(ModelResults, outputs.results["model:m"] or b"").versions["1"]
    assert len(told) == 402 * 24
    assert all(len(window.segments) == 1 for window in told)
    assert [window.start for window in found.windows] == [window.start for window in told[-100:]]
    assert found.windows[-WINDOWS.whole :] == told[-WINDOWS.whole :]
    assert not any(window.segments for window in found.windows[: -WINDOWS.whole])
    assert [day.n for day in found.days] == [24] * 400
    assert found.days[-1].end == told[-1].end


def test_only_models_that_changed_are_written() -> None:
    """A drain without news has no documents; a repeated delta is no news."""
    fold, source, other = judge(SPEC), Source(), Source(model="other")
    news = source.delta({"1": part(SPEC, {"traffic": hours(1)})}, T)
    fold.apply(batch(news, other.delta()))
    assert set(fold.drain().results) == {"model:m", "model:other"}
    fold.tick(1.0)
    fold.apply(batch(news))
    assert fold.drain().results == {}
    fold.apply(batch(other.delta()))
    assert set(fold.drain().results) == {"model:other"}


def test_a_document_tells_what_the_spec_says() -> None:
    """Owner, baseline, its limits, and histograms of errors in the unit of the target."""
    fold, source = judge(SPEC), Source()
    errors: list[Row] = [(T, "", [1.0, *[0.0] * 9, 2.0, 25.0])]  # the sum too is in multiples of 20
    told = part(SPEC, {"errors": errors}, pending=7, outcomes={"expired": 3})
    fold.apply(batch(source.delta({"1": told}, T + 60.0, outcomes={"orphan": 2})))
    found = document(fold)
    version = found.versions["1"]
    assert (found.outcomes, found.watermark) == ({"orphan": 2}, T + 60.0)
    assert (version.owner, version.digest, version.pending) == ("team-a", SPEC.digest, 7)
    assert (version.baseline, version.baseline_limit) == ({"mae": 20.0}, {"mae": 23.0})
    assert version.totals.outcomes == {"expired": 3}
    histogram = version.totals.absolute_error
    assert histogram is not None
    assert histogram.bounds == [bound * 20.0 for bound in ERROR_BOUNDS]
    assert (histogram.counts[0], histogram.counts[-1], histogram.sum) == (1, 2, 500.0)


def test_the_empty_value_and_no_value_are_counted_together() -> None:
    """Predictions without the first segment stand under the empty value, however OBSERVE tells them."""
    rows: list[Row] = [(T, "", [9.0, 0.0]), (T, "carrier=UA", [4.0, 0.0]), (T, "carrier=", [3.0, 0.0])]
    fold, source = judge(SPEC), Source()
    fold.apply(batch(source.delta({"1": part(SPEC, {"traffic": rows})})))
    assert document(fold).versions["1"].totals.predictions == {"UA": 4, "": 5}


def test_pending_is_the_sum_of_what_the_sources_said_last() -> None:
    """Each source tells its own count anew with each delta."""
    fold, first, second = judge(SPEC), Source(0, 2), Source(1, 2)
    fold.apply(batch(first.delta({"1": part(SPEC, pending=5)}), second.delta({"1": part(SPEC, pending=3)})))
    fold.apply(batch(first.delta({"1": part(SPEC, pending=1)})))
    assert document(fold).versions["1"].pending == 4


def test_the_first_twenty_values_have_counters_of_their_own() -> None:
    """Later ones are counted together, before and after a restart, and the sum stays the whole."""
    rows: list[Row] = [(T, "", [30.0, 0.0]), *((T, f"carrier={at}", [1.0, 0.0]) for at in range(25))]
    fold, source = judge(SPEC), Source()
    fold.apply(batch(source.delta({"1": part(SPEC, {"traffic": rows})})))
    heir = judge(SPEC, state=fold.changes().puts)
    heir.apply(batch(source.delta({"1": part(SPEC, {"traffic": [*rows, (T, "carrier=", [2.0, 0.0])]})})))
    predictions = document(heir).versions["1"].totals.predictions
    assert predictions == {str(at): 2 for at in range(20)} | {OTHER: 12, "": 8}


def test_versions_are_judged_apart() -> None:
    """A challenger has windows and totals of its own, in the document of its model."""
    fold, source = judge(SPEC), Source()
    rows = {"1": part(SPEC, {"traffic": hours(1)}), "2": part(SPEC, {"traffic": hours(2)})}
    fold.apply(batch(source.delta(rows, T + 2.0 * HOUR)))
    versions = document(fold).versions
    assert {name: len(version.windows) for name, version in versions.items()} == {"1": 1, "2": 2}
