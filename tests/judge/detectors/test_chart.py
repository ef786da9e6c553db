import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import DAY, ErrorScale, Task
from monitor_stream.judge.detectors import (
    Alarm,
    DetectorStateError,
    ErrorMonitor,
    LevelChart,
    Look,
    SpanRules,
)
from monitor_stream.judge.detectors.budget import ERROR_SHARE, MONTH, cusum_limit, level_limit
from monitor_stream.judge.detectors.in_control import LEARNED
from monitor_stream.judge.detectors.sealed import seal
from tests.judge.detectors.streams import errors

#: Errors a day.
DAILY = 900


def scale(rate: float, between: float = 0.0, persistence: float = 0.0, spans: int = 60) -> ErrorScale:
    return ErrorScale(rate, math.sqrt(rate * (1 - rate)), between, spans, between, persistence)


def times(count: int, *, daily: int = DAILY) -> Floats:
    order: Floats = 1e9 // DAY * DAY + np.arange(count, dtype=np.float64) * (DAY / daily)
    return order


def days(seed: int, count: int, *, spread: float = 0.05, weather: float = 0.0, mean: float = 0.3) -> Floats:
    """0/1 errors of days whose rates lie so far apart, each resembling the one before."""
    rng = np.random.default_rng(seed)
    level, levels = rng.normal(), []
    for _ in range(count):
        levels.append(mean + spread * level)
        level = weather * level + math.sqrt(1 - weather**2) * rng.normal()
    return (rng.random((count, DAILY)) < np.array(levels)[:, None]).astype(float).ravel()


def looks(chart: LevelChart, error: Floats, *, daily: int = DAILY) -> list[Look]:
    found = chart.feed(times(len(error), daily=daily), error)
    return found + chart.close(math.inf)


def watch(errors: ErrorScale | None, error: Floats, *, daily: int = DAILY) -> list[tuple[Alarm, bool]]:
    """What ADWIN and Page-Hinkley see, and whether the chart confirms it."""
    monitor, chart = ErrorMonitor.new("binary", errors), LevelChart.new("binary", errors, SpanRules())
    order, found = times(len(error), daily=daily), []
    for part in list(chart.parts(order)):
        chart.feed(order[part], error[part])
        found += [(alarm, chart.verdict(alarm).confirmed) for alarm in monitor.feed(order[part], error[part])]
    return found


@settings(deadline=None, max_examples=40)
@given(
    task=st.sampled_from(["regression", "binary"]),
    known=st.sampled_from([0, 60, None]),
    cuts=st.lists(st.integers(0, 8000), max_size=12).map(sorted),
    rewrite=st.booleans(),
)
def test_neither_a_split_nor_a_restart_changes_anything(
    task: Task, *, known: int | None, cuts: list[int], rewrite: bool
) -> None:
    """Any split into calls, with the clock ahead or not, with or without a restart, gives the same looks and bytes."""
    rng = np.random.default_rng(0)
    level = np.repeat([0.1, 0.5, 0.2], [3000, 2000, 3000])
    error = rng.exponential(level) if task == "regression" else (rng.random(8000) < level).astype(float)
    order, rules = np.sort(rng.random(8000)) * 40 * DAY, SpanRules(least=100)
    reference = None if known is None else ErrorScale(0.1, 0.3, 0.02, known, 0.03, 0.2)
    whole = LevelChart.new(task, reference, rules)
    expected = whole.feed(order, error)
    assert any(look.firing for look in expected)
    parted, found = LevelChart.new(task, reference, rules), []
    for start, stop in zip([0, *cuts], [*cuts, 8000], strict=True):
        found += parted.feed(order[start:stop], error[start:stop])
        if stop < 8000:
            found += parted.close(order[stop])
        if rewrite:
            parted = LevelChart.from_bytes(parted.to_bytes())
    assert found == expected
    assert parted.to_bytes() == whole.to_bytes()


def test_limits_keep_the_run_length_that_the_budget_gives() -> None:
    """Simulated in control, `level` and `cusum` each are wrong once in about 20 months of days, as promised."""
    chance = SpanRules().chance(DAY)
    runs = 1.0 / chance
    assert runs * DAY / MONTH == pytest.approx(2 / ERROR_SHARE)
    scores = np.random.default_rng(0).normal(size=(2000, 2000))
    assert np.mean(scores > level_limit(chance)) == pytest.approx(chance, rel=0.1)
    total, alarms, limit = np.zeros(2000), 0, cusum_limit(chance)
    for day in scores:
        total = np.maximum(total + day - 0.5, 0.0)
        alarms += int(np.count_nonzero(total > limit))
        total[total > limit] = 0.0
    assert scores.size / alarms == pytest.approx(runs, rel=0.15)


@pytest.mark.parametrize("weather", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_steady_days_stay_within_the_budget(spread: float, weather: float) -> None:
    """With the spread measured on 60 days, 3,000 steady days make at most twice the false alarms that are allowed for."""
    began = 0
    for seed in range(5):
        reference = LevelChart.new("binary", None, SpanRules())
        looks(reference, days(seed, 60, spread=spread, weather=weather))
        chart = LevelChart.new("binary", scale(0.3, spread, weather if spread else 0.0), SpanRules())
        found = looks(chart, days(100 + seed, 600, spread=spread, weather=weather))
        began += sum(len(look.began) for look in found if look.direction == "worse" or look.firing)
    assert began <= 2 * 3000 * DAY / MONTH * ERROR_SHARE


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.12), (0.1, 0.15), (0.1, 0.2), (0.2, 0.3), (0.05, 0.1)])
@pytest.mark.parametrize("daily", [1000, 200_000])
def test_where_errors_are_independent_a_change_is_confirmed_at_once(
    before: float, after: float, daily: int
) -> None:
    """Of the published changes no first detection waits, the smallest now and then apart, whatever the traffic."""
    first = []
    for seed in range(8):
        found = watch(scale(before), errors(seed, before, after), daily=daily)
        first += [
            confirmed for alarm, confirmed in found if alarm.direction == "worse" and alarm.seen > 10_000
        ][:1]
    assert len(first) >= 5  # the smallest is missed by ADWIN in a third of the streams
    assert len(first) - sum(first) <= (after == 0.12)


def test_where_days_differ_a_detection_is_no_reason_yet() -> None:
    """ADWIN and Page-Hinkley see every other day change; of half a year of them hardly one is confirmed."""
    found = watch(scale(0.3, 0.05), days(0, 180))
    worse = [confirmed for alarm, confirmed in found if alarm.direction == "worse"]
    assert len(worse) > 20
    assert sum(worse) <= 1


def test_evenings_that_are_worse_than_mornings_are_no_change() -> None:
    """Days that are all alike, with hours in them: what is seen within a day is held against stretches of a day."""
    hours = 0.3 + 0.15 * np.sin(np.linspace(0.0, 2.0 * np.pi, DAILY))
    error = (np.random.default_rng(9).random((60, DAILY)) < hours).astype(float).ravel()
    known = ErrorScale(0.3, 0.458, 0.01, 60, 0.1)
    worse = [confirmed for alarm, confirmed in watch(known, error) if alarm.direction == "worse"]
    assert len(worse) > 10
    assert not any(worse)
    blind = msgspec.structs.replace(known, within=0.0)
    assert any(confirmed for alarm, confirmed in watch(blind, error) if alarm.direction == "worse")


def test_a_storm_is_a_level_and_a_season_a_sum() -> None:
    """One day far out fires `level`, ten days a little out fire `cusum`, and each ends with its cause."""
    chart = LevelChart.new("binary", scale(0.3, 0.05), SpanRules())
    rate = np.repeat([0.3, 0.6, 0.3, 0.38, 0.3], [20, 1, 20, 15, 20])
    error = (np.random.default_rng(1).random((len(rate), DAILY)) < rate[:, None]).astype(float).ravel()
    found = looks(chart, error)
    assert [at for at, look in enumerate(found) if look.firing and look.check == "level"] == [20]
    season = [at for at, look in enumerate(found) if look.firing and look.check == "cusum"]
    assert 42 <= season[0] <= 52
    assert season == list(range(season[0], season[-1] + 1))
    assert season[-1] <= 56 + 10
    for look in found:
        assert look.firing == (look.direction == "worse")
        assert look.expected == pytest.approx(0.3)
        assert look.firing <= (look.value > look.expected)


def test_after_the_longest_change_the_sum_is_back_in_bounded_time() -> None:
    """A year above the limit takes ten spans to be over, as a month does."""
    for length in (30, 365):
        chart = LevelChart.new("binary", scale(0.3, 0.05), SpanRules())
        rate = np.repeat([0.5, 0.3], [length, 20])
        error = (np.random.default_rng(2).random((len(rate), DAILY)) < rate[:, None]).astype(float).ravel()
        firing = [look.firing for look in looks(chart, error)]
        assert all(firing[:length])
        assert not any(firing[length + 11 :])


def test_what_got_better_is_told_and_fires_nothing() -> None:
    """A fall begins as a detection for the better; no look fires."""
    chart = LevelChart.new("binary", scale(0.3, 0.03), SpanRules())
    error = (np.random.default_rng(3).random(30 * DAILY) < 0.15).astype(float)
    found = looks(chart, error)
    assert not any(look.firing for look in found)
    assert [pair for look in found for pair in look.began] == [("level", "better"), ("cusum", "better")]
    assert {look.direction for look in found} == {"better"}
    assert all(look.value < look.threshold < look.expected for look in found)


def test_a_small_difference_is_no_news_however_many_show_it() -> None:
    """A level 4 % higher, beyond all doubt on 200,000 errors a day, fires nothing; one of 8 % does."""
    rng = np.random.default_rng(4)
    for rate, fires in ((0.208, False), (0.216, True)):
        chart = LevelChart.new("binary", scale(0.2), SpanRules())
        found = looks(chart, (rng.random(400_000) < rate).astype(float), daily=200_000)
        assert [look.firing for look in found] == [fires] * 2


def test_a_stream_without_a_reference_shows_its_own_spread() -> None:
    """Level and spread are learned from the first 21 spans; until then a level must be far out to fire, and nothing sums."""
    chart = LevelChart.new("binary", None, SpanRules())
    found = looks(chart, days(5, 60, spread=0.04))
    assert len(found) == 59  # the first day is all there is to compare with
    assert not any(look.firing for look in found)
    assert found[-1].expected == pytest.approx(0.3, abs=0.03)
    assert 0.08 < found[-1].threshold - found[-1].expected < 0.25
    learning, late = LevelChart.new("binary", None, SpanRules()), np.repeat([0.3, 0.75], [5, 2])
    error = (np.random.default_rng(6).random((7, DAILY)) < late[:, None]).astype(float).ravel()
    assert [look.firing for look in looks(learning, error)] == [False] * 4 + [True] * 2


def test_a_reference_with_few_spans_keeps_its_level_and_learns_the_spread() -> None:
    """Where the reference has no times, its mean stays what spans are compared with."""
    chart = LevelChart.new("binary", scale(0.2, spans=0), SpanRules())
    found = looks(chart, days(7, LEARNED + 40, spread=0.03, mean=0.3))
    assert {look.expected for look in found} == {0.2}
    assert all(look.firing for look in found[LEARNED + 10 :])


@pytest.mark.parametrize("errors", [ErrorScale(1.0, 1.0, 0.05, 60, 0.05), None])
def test_regression_errors_with_heavy_tails_are_followed(errors: ErrorScale | None) -> None:
    """Exponential errors fire nothing while steady; half as much again fires; one absurd error does not."""
    rng = np.random.default_rng(8)
    error = rng.exponential(1.0, 30 * DAILY)
    error[[100, 20_000]] = 1e300
    chart = LevelChart.new("regression", errors, SpanRules())
    found = chart.feed(times(45 * DAILY), np.concatenate((error, rng.exponential(1.5, 15 * DAILY))))
    assert not any(look.firing for look in found[:29])
    assert found[-1].firing
    assert found[-1].expected == pytest.approx(1.0, rel=0.1)
    assert found[-1].value == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("error", [0.0, 5e-324, 1e-300, 1e308])
@pytest.mark.parametrize("reference", [None, ErrorScale(0.0, 0.0, 0.0, 60)])
def test_extreme_scales_warn_of_nothing(error: float, reference: ErrorScale | None) -> None:
    """The smallest and the largest floats are errors like others: numbers come out, and no warning."""
    chart = LevelChart.new("regression", reference, SpanRules())
    for look in looks(chart, np.full(30 * DAILY, error)):
        assert math.isfinite(look.value)
        assert not math.isnan(look.threshold)
        assert look.firing == (reference is not None and error >= 1e-300)


def test_damaged_bytes_are_refused() -> None:
    """What is no state of a chart raises one ordinary error."""
    data = LevelChart.new("binary", None, SpanRules()).to_bytes()
    for other in (b"", data[:-1], data[:-3] + b"abc", ErrorMonitor.new("binary", None).to_bytes()):
        with pytest.raises(DetectorStateError):
            LevelChart.from_bytes(other)
    with pytest.raises(DetectorStateError, match="form"):
        LevelChart.from_bytes(seal("level chart", msgspec.msgpack.encode([1, 2])))


def test_state_is_small() -> None:
    """State is written at every commit: it has a bound, also while the spread is learned."""
    chart = LevelChart.new("binary", None, SpanRules())
    sizes = []
    for day in range(60):
        order = (day + np.arange(DAILY) / DAILY) * DAY
        chart.feed(order, days(day, 1))
        sizes.append(len(chart.to_bytes()))
    assert max(sizes) < 10_000
    assert sizes[-1] < 600
