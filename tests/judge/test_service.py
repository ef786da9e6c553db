"""How fast a version answers, and how often not at all, against its own objective."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json
from monitor_stream.events.latency_bins import GROWTH, latency_bin
from monitor_stream.events.results import Finding, Incident, ModelResults
from monitor_stream.events.spec import ModelSpec, ServiceRules
from monitor_stream.events.tables import LATENCY_BINS, TableName
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.service import MIN_PREDICTIONS, Service, latency_quantiles, slower, timeouts
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow
from tests.judge.deltas import Row, Source, batch, judge, part

BEGIN = 1_362_096_000
RULES = ServiceRules(latency_seconds=0.2, quantile=0.99, failed_share=0.01, timeout_seconds=30.0)


def counted(seconds: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.bincount(latency_bin(np.asarray(seconds, float)), minlength=LATENCY_BINS).astype(float)


def window(at: int, seconds: Sequence[float] | np.ndarray, failed: int = 0) -> OpenWindow:
    """One of five minutes, in which so many answers took so long, and more failed."""
    sums = Sums()
    sums.add("traffic", Rows([""], np.array([[float(len(seconds) + failed), float(failed)]])))
    if len(seconds):
        sums.add("latencies", Rows([""], counted(seconds)[None, :]))
    made = OpenWindow(f"w{at}", at * 300, 300.0, sums)
    made.reference = "d"
    return made


def judged(*windows: OpenWindow, rules: ServiceRules = RULES) -> dict[str, Finding]:
    """The newest finding of each check."""
    spec = ModelSpec(model="m", task="binary", service=rules)
    found = Service("m", "1", Journal({})).take(windows, lambda _: spec)
    return {finding.check: finding for finding in found}


@settings(max_examples=50)
@given(st.lists(st.floats(1e-4, 99.0), min_size=1, max_size=300))
def test_quantiles_are_those_of_the_answer_times_within_six_per_cent(seconds: list[float]) -> None:
    """Of any answer times, held against numpy's own on the single values."""
    sums = Sums()
    sums.add("latencies", Rows([""], counted(seconds)[None, :]))
    for name, found in latency_quantiles(sums).items():
        true = float(np.quantile(seconds, float(name), method="inverted_cdf"))
        assert true / GROWTH**0.5 * 0.999 <= found <= true * GROWTH**0.5 * 1.001


def test_a_window_without_answer_times_has_no_quantiles() -> None:
    """Nor has it time-outs."""
    assert latency_quantiles(Sums()) == {}
    assert timeouts(Sums(), RULES) == 0


def test_time_outs_are_what_heaps_up_at_the_limit() -> None:
    """And nothing that was answered well before; none where the spec names no time-out."""
    sums = window(0, [*[0.05] * 90, *[30.02] * 7, *[26.0] * 2, 45.0]).sums
    assert timeouts(sums, RULES) == 8
    assert timeouts(sums, ServiceRules()) == 0


@settings(max_examples=50)
@given(st.lists(st.floats(1e-4, 99.0), max_size=200), st.floats(1e-3, 50.0))
def test_nobody_is_blamed_for_a_bin(seconds: list[float], limit: float) -> None:
    """What is counted as slower was slower; what is not counted was not slower by more than 12 %."""
    found = slower(counted(seconds), limit)
    assert sum(s > limit * GROWTH for s in seconds) <= found <= sum(s > limit for s in seconds)


def test_failures_beyond_the_objective_page() -> None:
    """8 % where 1 % may is clearly beyond on a few hundred predictions."""
    found = judged(window(0, [0.05] * 368, failed=32))["failed"]
    assert (found.signal, found.firing, found.severity, found.direction) == (
        "service",
        True,
        "critical",
        "worse",
    )
    assert (found.value, found.expected, found.n) == (0.08, 0.01, 400)
    assert found.threshold is not None
    assert 0.01 < found.threshold < 0.08
    assert found.detail == "8% of 400 predictions failed, 1% may."


def test_a_small_miss_is_no_page() -> None:
    """1.6 % of many is beyond 1 %, and not clearly."""
    found = judged(window(0, [0.05] * 19_680, failed=320))["failed"]
    assert (found.firing, found.severity) == (True, "warning")


def test_slow_answers_are_told_with_their_share_and_their_quantile() -> None:
    """The share that took longer decides, the quantile is what a person compares."""
    found = judged(window(0, [*[0.05] * 900, *[1.0] * 100]))["latency"]
    assert (found.firing, found.severity) == (True, "critical")
    assert found.value == pytest.approx(0.1)
    assert found.detail.startswith("10% of 1,000 answers took longer than 0.2 s, 1% may; 99% took up to ")


def test_time_outs_count_against_the_share_that_may_fail() -> None:
    """As a check of their own, since an event may tell the error too."""
    found = judged(window(0, [*[0.05] * 950, *[30.1] * 50]))
    assert (found["timeouts"].firing, found["failed"].firing) == (True, False)
    assert found["timeouts"].value == pytest.approx(0.05)


def test_an_objective_that_is_kept_is_said_to_be() -> None:
    """So that an incident can close."""
    found = judged(window(0, [0.05] * 1000, failed=5))
    assert set(found) == {"failed", "timeouts", "latency"}
    assert not any(finding.firing for finding in found.values())


def test_few_predictions_are_added_up() -> None:
    """Windows that hold too few are judged together."""
    found = judged(*(window(at, [0.05] * 49, failed=1) for at in range(4)))["failed"]
    assert found.n == MIN_PREDICTIONS
    assert (found.end - found.start).total_seconds() == 1200.0
    assert judged(window(0, [0.05] * 199)) == {}


def test_nothing_is_said_where_nothing_is_promised() -> None:
    """Neither without an objective, nor of answer times that nobody sent; and then nothing is stored."""
    journal = Journal({})
    journal.take()
    spec = ModelSpec(model="m", task="binary")
    assert Service("m", "1", journal).take([window(0, [9.0] * 999, failed=999)], lambda _: spec) == []
    assert not journal.take().puts
    assert set(judged(window(0, [], failed=500))) == {"failed"}


def test_an_objective_that_is_just_kept_is_not_missed_by_chance() -> None:
    """Three weeks of runs with failures and slow answers exactly as often as may be: the budget is one a month at most."""
    random = np.random.default_rng(7)
    spec = ModelSpec(model="m", task="binary", service=RULES)
    service = Service("m", "1", Journal({}))
    fired = 0
    for at in range(6_000):
        failed, slow = random.binomial(400, 0.01), random.binomial(390, 0.01)
        found = service.take([window(at, [*[0.05] * (390 - slow), *[1.0] * slow], failed)], lambda _: spec)
        fired += sum(finding.firing for finding in found)
    assert fired <= 6_000 * 300 / (30 * 86_400) * 2


def test_a_restart_changes_nothing() -> None:
    """Restored after every window, the same is found."""
    windows = [window(at, [0.05] * 60, failed=at % 7) for at in range(30)]
    spec = ModelSpec(model="m", task="binary", service=RULES)
    expected = Service("m", "1", Journal({})).take(windows, lambda _: spec)
    found, state = [], b""
    for each in windows:
        journal = Journal({})
        service = Service("m", "1", journal)
        if state:
            service.restore(state)
        found += service.take([each], lambda _: spec)
        state = next(data for name, data in journal.take().puts.items() if "service" in name)
    assert found == expected
    assert any(finding.firing for finding in found)


def test_windows_and_rolling_spans_tell_them() -> None:
    """Quantiles of a window, of the spans merged of windows that have settled since, and the time-outs of each window."""
    spec = ModelSpec(model="m", version="1", task="multiclass", horizon_seconds=60.0, service=RULES)
    fold, source = judge(spec), Source()
    times = {BEGIN: [0.1] * 99 + [40.0], BEGIN + 300: [0.4] * 300}
    for start, seconds in times.items():
        rows: dict[TableName, list[Row]] = {
            "traffic": [(start, "", [float(len(seconds)), 0.0])],
            "latencies": [(start, "", counted(seconds).tolist())],
        }
        fold.apply(batch(source.delta({"1": part(spec, rows)}, start + 400.0)))
    found = fold.drain()
    [document] = [decode_json(ModelResults, data) for data in found.results.values() if data is not None]
    version = document.versions["1"]
    first, second = version.windows
    assert (first.timeouts, second.timeouts) == (1, 0)
    assert first.latency_quantiles["0.5"] == pytest.approx(0.1, rel=0.06)
    assert second.latency_quantiles["0.99"] == pytest.approx(0.4, rel=0.06)
    assert version.rolling["5m"].latency_quantiles == second.latency_quantiles
    assert version.rolling["1h"].latency_quantiles["0.5"] == pytest.approx(0.4, rel=0.06)
    assert version.rolling["1h"].latency_quantiles["0.9"] == version.rolling["1d"].latency_quantiles["0.9"]


def test_an_objective_that_is_missed_opens_an_incident() -> None:
    """At once, as a page, in words."""
    spec = ModelSpec(model="m", version="1", task="multiclass", horizon_seconds=60.0, service=RULES)
    fold, source = judge(spec), Source()
    rows: dict[TableName, list[Row]] = {"traffic": [(BEGIN, "", [1000.0, 200.0])]}
    fold.apply(batch(source.delta({"1": part(spec, rows)}, BEGIN + 900.0)))
    [incident] = [decode_json(Incident, m.value) for m in fold.drain().messages if m.topic == "incidents"]
    assert (incident.severity, incident.signals) == ("critical", ["service"])
    assert "20% of 1,000 predictions failed, 1% may" in incident.summary
