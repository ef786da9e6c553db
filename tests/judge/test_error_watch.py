"""What the detectors and charts of errors tell incidents."""

import math

import msgspec
import numpy as np
import pytest

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, Baseline, DriftRules, ErrorScale, ModelSpec
from monitor_stream.judge.error_watch import ErrorWatch
from monitor_stream.judge.persist import Journal, fields

DAILY = 1000
START = 1_362_096_000.0  # a midnight
INDEPENDENT = ErrorScale(0.1, 0.3, 0.0, 60)
WEATHER = ErrorScale(0.3, 0.458, 0.05, 60, 0.1, 0.2)


def spec(scale: ErrorScale, **more: object) -> ModelSpec:
    baseline = {"accuracy": Baseline(1.0 - scale.mean, 0.02, 30)}
    return msgspec.structs.replace(
        ModelSpec(model="m", version="1", task="binary", error_scale=scale, baseline=baseline), **more
    )


def errors(*rates: float, seed: int = 0) -> Floats:
    """A day of errors at each rate."""
    return (
        (np.random.default_rng(seed).random((len(rates), DAILY)) < np.array(rates)[:, None])
        .astype(float)
        .ravel()
    )


def order(count: int) -> Floats:
    at: Floats = START + np.arange(count, dtype=np.float64) * (DAY / DAILY)
    return at


def run(of: ModelSpec, error: Floats, *, step: float = DAY / 4) -> tuple[ErrorWatch, list[Finding]]:
    """Errors let go a step of the clock at a time."""
    watch, found = ErrorWatch("m", "1", Journal({})), []
    watch.errors.add(order(len(error)), error)
    for clock in np.arange(START, START + len(error) / DAILY * DAY + step, step):
        found += watch.advance(float(clock), of)
    return watch, found


def test_a_confirmed_detection_fires_when_it_is_made() -> None:
    """On independent errors the finding comes with the detection, says the level, and is critical beyond the baseline."""
    watch, found = run(spec(INDEPENDENT), errors(*[0.1] * 5, 0.3, 0.3))
    first = next(finding for finding in found if finding.firing)
    detection = next(d for d in watch.found.newest if d.direction == "worse")
    assert detection.confirmed
    assert (first.check, first.start, first.end) == (
        detection.detector,
        detection.event_time,
        detection.event_time,
    )
    assert 0.0 < first.end.timestamp() - (START + 5 * DAY) < DAY / 4
    assert (first.signal, first.column, first.direction, first.severity) == ("error", "", "worse", "critical")
    assert first.value is not None
    assert first.threshold is not None
    assert first.value > first.threshold > 0.1 == first.expected
    assert first.effect == pytest.approx((first.value - 0.1) / (first.threshold - 0.1))
    assert "error rate" in first.detail


def test_a_rise_within_the_baseline_is_a_warning() -> None:
    """Worse than usual, and within what the baseline allows, is no page."""
    _, found = run(
        spec(INDEPENDENT, baseline={"accuracy": Baseline(0.9, 0.1, 30)}), errors(*[0.1] * 5, 0.2, 0.2)
    )
    assert {finding.severity for finding in found if finding.firing} == {"warning"}


def test_a_detection_that_days_explain_is_a_number_on_a_panel() -> None:
    """Where days differ, what ADWIN and Page-Hinkley see is told as not confirmed, and fires nothing."""
    rates = np.clip(np.random.default_rng(3).normal(0.3, 0.05, 120), 0, 1)
    watch, found = run(spec(WEATHER), errors(*rates), step=DAY)
    assert any(not d.confirmed for d in watch.found.newest)
    assert not any(finding.firing for finding in found)
    assert sum(watch.found.counts.values()) > 20


def test_every_span_is_a_look() -> None:
    """Each day says once how it was, over the day, whether or not something is wrong."""
    _, found = run(spec(WEATHER), errors(*[0.3] * 5, 0.6, 0.3))
    days = [finding for finding in found if finding.check in {"level", "cusum"}]
    assert [(f.end - f.start).total_seconds() for f in days] == [DAY] * 7
    assert [f.firing for f in days] == [False] * 5 + [True, False]
    assert days[5].severity == "critical"
    assert all(f.n == DAILY for f in days)


def test_what_gets_better_fires_nothing_and_is_told() -> None:
    """Below the reference nothing fires. After a rise the fall is told when it is seen, before the day is over."""
    _, below = run(spec(INDEPENDENT), errors(*[0.1] * 3, *[0.03] * 5))
    assert not any(finding.firing for finding in below)
    assert below[-1].direction == "better"
    _, back = run(spec(INDEPENDENT), errors(*[0.1] * 3, 0.3, 0.3, 0.1, 0.1))
    fall = next(f for f in back if f.check == "adwin" and not f.firing)
    assert fall.direction == "better"
    assert 0.0 < fall.end.timestamp() - (START + 5 * DAY) < DAY


@pytest.mark.parametrize("scale", [INDEPENDENT, WEATHER, None])
def test_a_restart_changes_nothing(scale: ErrorScale | None) -> None:
    """Restored after every step, the watch tells the same findings and ends in the same state."""
    of = spec(INDEPENDENT) if scale is None else spec(scale)
    of = msgspec.structs.replace(of, error_scale=scale)
    error = errors(*[0.1] * 6, 0.5, 0.5, 0.1, 0.1)
    watch, expected = run(of, error)
    state: dict[str, bytes] = {}
    found, again = [], watch
    for at in range(11):
        journal = Journal(state)
        again = ErrorWatch("m", "1", journal)
        known = {kind: data for kind, _, data in fields(state)}
        if "monitor" in known:
            again.restore_monitor(known["monitor"])
        if "detections" in known:
            again.restore_detections(known["detections"])
        part = slice(at * DAILY, (at + 1) * DAILY)
        again.errors.add(order(len(error))[part], error[part])
        found += again.advance(START + (at + 1) * DAY if at < 10 else math.inf, of)
        state |= journal.take().puts
    assert found == expected
    assert again.found == watch.found
    assert again.seen == watch.seen == len(error)


def test_other_spans_make_another_chart() -> None:
    """A spec that changes the length of spans starts detectors and chart anew; one that changes its owner does not."""
    watch = ErrorWatch("m", "1", Journal({}))
    watch.errors.add(order(3 * DAILY), errors(0.1, 0.1, 0.1))
    watch.advance(START + DAY, spec(INDEPENDENT))
    watch.advance(START + 2 * DAY, spec(INDEPENDENT, owner="somebody"))
    assert watch.seen == 2 * DAILY
    watch.advance(math.inf, spec(INDEPENDENT, drift=DriftRules(span_seconds=3600.0)))
    assert watch.seen == DAILY


def test_what_is_not_finite_is_left_out() -> None:
    """Neither detectors nor spans count an error or a time that is no number."""
    watch = ErrorWatch("m", "1", Journal({}))
    watch.errors.add(order(DAILY), np.where(np.arange(DAILY) % 10, 0.0, np.nan))
    found = watch.advance(math.inf, spec(INDEPENDENT))
    assert watch.seen == DAILY * 9 // 10
    assert [finding.n for finding in found if finding.check == "level"] == [DAILY * 9 // 10]
