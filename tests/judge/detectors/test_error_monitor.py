import math
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ErrorScale, Task
from monitor_stream.judge.detectors import Alarm, DetectorStateError, ErrorMonitor
from monitor_stream.judge.detectors.monitor import CALIBRATION, REFRACTORY
from monitor_stream.judge.detectors.scale import Scale
from monitor_stream.judge.detectors.sealed import SCHEMA, seal, unseal
from monitor_stream.judge.detectors.watch import LIFE, Watch
from tests.judge.detectors.streams import errors


def feed(monitor: ErrorMonitor, error: Floats) -> list[Alarm]:
    return monitor.feed(1e9 + np.arange(monitor.seen, monitor.seen + len(error), dtype=float), error)


def binary(rate: float) -> ErrorMonitor:
    return ErrorMonitor.new("binary", ErrorScale(rate, math.sqrt(rate * (1 - rate))))


def stream(seed: int, task: Task) -> Floats:
    """8,000 errors: two changes, some of them not finite."""
    rng = np.random.default_rng(seed)
    level = np.repeat([0.1, 0.5, 0.2], [3000, 2000, 3000])
    error = rng.exponential(level * 10) if task == "regression" else (rng.random(8000) < level).astype(float)
    error[rng.integers(0, 8000, 20)] = rng.choice([np.nan, np.inf], 20)
    return error


@settings(deadline=None, max_examples=40)
@given(
    task=st.sampled_from(["regression", "binary"]),
    known=st.booleans(),
    cuts=st.lists(st.integers(0, 8000), max_size=12),
    rewrite=st.booleans(),
)
def test_neither_a_split_nor_a_restart_changes_anything(
    task: Task, *, known: bool, cuts: list[int], rewrite: bool
) -> None:
    """Any split into calls, with or without a restart between them, gives the same alarms and the same bytes."""
    error, order = stream(7, task), np.arange(8000.0)
    scale = ErrorScale(1.0 if task == "regression" else 0.1, 1.0 if task == "regression" else 0.3)
    whole = ErrorMonitor.new(task, scale if known else None)
    expected = whole.feed(order, error)
    assert {alarm.direction for alarm in expected} == {"worse", "better"}

    parted, found = ErrorMonitor.new(task, scale if known else None), []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 8000], strict=True):
        found += parted.feed(order[start:stop], error[start:stop])
        if rewrite:
            parted = ErrorMonitor.from_bytes(parted.to_bytes())
    assert found == expected
    assert parted.to_bytes() == whole.to_bytes()


def test_both_detectors_see_a_rise_once() -> None:
    """An abrupt rise gives one alarm of each detector, with direction, place and levels."""
    monitor = binary(0.1)
    found = feed(monitor, errors(1, 0.1, 0.5, count=4000))
    assert sorted(alarm.detector for alarm in found) == ["adwin", "page_hinkley"]
    for alarm in found:
        assert alarm.direction == "worse"
        assert 4000 < alarm.seen < 4150
        assert alarm.order == 1e9 + alarm.seen - 1
        assert alarm.before == pytest.approx(0.1, abs=0.02)
        assert alarm.after == pytest.approx(0.5, abs=0.15)


def test_a_fall_is_better_and_no_matter_of_page_hinkley() -> None:
    """Errors that become rarer give one alarm, of ADWIN, and it says better."""
    found = feed(binary(0.5), errors(2, 0.5, 0.1, count=4000))
    assert [(alarm.detector, alarm.direction) for alarm in found] == [("adwin", "better")]


@pytest.mark.parametrize("rate", [0.0005, 0.01, 0.05, 0.2, 0.5])
def test_steady_errors_stay_within_the_budget(rate: float) -> None:
    """On 400,000 steady errors at most two alarms: the budget is about one in a million."""
    rng = np.random.default_rng(11)
    found = [
        alarm for _ in range(4) for alarm in feed(binary(rate), (rng.random(100_000) < rate).astype(float))
    ]
    assert len(found) <= 2


@pytest.mark.parametrize("scale", [ErrorScale(1.0, 1.0), None])
def test_steady_regression_errors_stay_within_the_budget(scale: ErrorScale | None) -> None:
    """On 400,000 steady errors at most three alarms, be the scale known or measured, the tails light or heavy."""
    found = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        found += feed(ErrorMonitor.new("regression", scale), rng.exponential(1.0, 100_000))
        found += feed(ErrorMonitor.new("regression", scale), np.abs(rng.standard_t(2, 100_000)))
    assert len(found) <= 3


@pytest.mark.parametrize("scale", [ErrorScale(5.0, 4.0), None])
def test_regression_errors_are_reported_in_their_own_unit(scale: ErrorScale | None) -> None:
    """Levels are mean errors in the unit of the label, not of the signal."""
    rng = np.random.default_rng(0)
    error = np.concatenate((rng.uniform(0, 10, 4500), rng.uniform(0, 20, 3000)))
    found = feed(ErrorMonitor.new("regression", scale), error)
    assert {alarm.detector for alarm in found} == {"adwin", "page_hinkley"}
    for alarm in found:
        assert alarm.before == pytest.approx(5.0, rel=0.1)
        assert alarm.after == pytest.approx(10.0, rel=0.25)


def test_the_first_errors_calibrate_and_then_count() -> None:
    """Without a reference the first 500 errors are held, seen, and looked at once they are enough."""
    monitor = ErrorMonitor.new("binary", None)
    early = np.repeat([0.0, 1.0], [200, CALIBRATION - 201])
    assert not feed(monitor, early)
    assert monitor.seen == CALIBRATION - 1
    found = feed(monitor, np.ones(1))
    assert found
    assert all(200 < alarm.seen < CALIBRATION for alarm in found)


def test_a_perfect_model_is_not_worse_at_its_first_error() -> None:
    """A reference without errors is believed with a floor: some errors must come before Page-Hinkley alarms."""
    for task in ("regression", "binary"):
        monitor = ErrorMonitor.new(task, ErrorScale(0.0, 0.0))
        assert not feed(monitor, np.zeros(1000))
        assert not feed(monitor, np.ones(3))
        assert [alarm.detector for alarm in feed(monitor, np.ones(20))][:1] == ["page_hinkley"]


def test_a_scale_that_is_too_small_is_measured_anew() -> None:
    """A reference ten times too good does not blind the detectors for long."""
    rng = np.random.default_rng(1)
    monitor = ErrorMonitor.new("regression", ErrorScale(0.1, 0.1))
    feed(monitor, rng.exponential(10.0, LIFE + CALIBRATION + 3000))
    found = feed(monitor, rng.exponential(20.0, 2000))
    assert {alarm.detector for alarm in found} == {"adwin", "page_hinkley"}
    assert found[0].after == pytest.approx(20.0, rel=0.3)


def test_one_absurd_error_neither_alarms_nor_sets_the_scale() -> None:
    """A single error of 10^300 is one large error, while the scale is measured and afterwards."""
    rng = np.random.default_rng(4)
    error = np.concatenate((rng.exponential(1.0, 5000), rng.exponential(3.0, 3000)))
    error[[100, 2000]] = 1e300
    found = feed(ErrorMonitor.new("regression", None), error)
    assert found
    assert all(5000 < alarm.seen < 5400 for alarm in found)


@pytest.mark.parametrize("error", [0.0, 5e-324, 1e-300, 1e308])
def test_extreme_scales_warn_of_nothing(error: float) -> None:
    """The smallest and the largest floats are errors like others."""
    monitor = ErrorMonitor.new("regression", None)
    assert not feed(monitor, np.full(CALIBRATION + LIFE, error))
    assert monitor.seen == CALIBRATION + LIFE


def test_what_is_not_finite_is_counted_and_ignored() -> None:
    """NaN and infinity, in an error or an order, leave no trace but a count."""
    clean, dirty = binary(0.2), binary(0.2)
    error = errors(5, 0.2, 0.6, count=1000)
    expected = feed(clean, error)
    order = 1e9 + np.arange(2000.0)
    bad = np.array([np.nan, np.inf, -np.inf, 1.0])
    bad_order = np.array([0.0, 0.0, 0.0, np.nan])
    found = dirty.feed(np.insert(order, [10] * 4, bad_order), np.insert(error, [10] * 4, bad))
    assert found == expected
    assert (dirty.seen, dirty.ignored) == (2000, 4)


def test_repeats_are_one_alarm() -> None:
    """Errors that climb a staircase within the refractory span give one alarm of each detector."""
    steps = np.concatenate(
        [errors(seed, level, count=200) for seed, level in enumerate((0.1, 0.3, 0.6, 0.9))]
    )
    found = feed(binary(0.05), np.concatenate((errors(9, 0.05, count=3000), steps)))
    for detector in ("adwin", "page_hinkley"):
        seen = [alarm.seen for alarm in found if alarm.detector == detector]
        assert len(seen) == 1
    assert len(steps) < REFRACTORY


def test_page_hinkley_alarms_once_where_the_level_it_knew_is_gone() -> None:
    """A nearly perfect model that breaks is one alarm, not one every hundred errors until its deviation is known."""
    watch = Watch(Scale(1.0, 0.05))
    found = watch.feed(np.concatenate((np.zeros(1000), errors(3, 0.6, count=LIFE - 1000))))
    assert [detector for detector, _ in found].count("page_hinkley") == 1


def test_damaged_bytes_are_refused() -> None:
    """Any flipped byte, any cut and anything else that is no state raises one ordinary error; nothing panics."""
    monitor = binary(0.2)
    feed(monitor, errors(0, 0.2, count=1000))
    data = monitor.to_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(data), 200).tolist():
        damaged = bytearray(data)
        damaged[position] ^= int(rng.integers(1, 256))
        with pytest.raises(DetectorStateError):
            ErrorMonitor.from_bytes(bytes(damaged))
    for other in (
        b"",
        b"{}",
        data[:-1],
        data + b"\0",
        zlib.compress(data),
        msgspec.msgpack.encode([1, 2, 3]),
    ):
        with pytest.raises(DetectorStateError):
            ErrorMonitor.from_bytes(other)
    with pytest.raises(DetectorStateError, match="form"):
        ErrorMonitor.from_bytes(seal("river 0.26.1", b"\x93\x01\x02\x03"))


def test_another_schema_is_refused() -> None:
    """State of a later version is named as such, not guessed at."""
    fields = msgspec.msgpack.decode(binary(0.1).to_bytes())
    with pytest.raises(DetectorStateError, match=f"schema {SCHEMA + 1}, this version reads {SCHEMA}"):
        ErrorMonitor.from_bytes(msgspec.msgpack.encode([SCHEMA + 1, *fields[1:]]))


def test_another_river_starts_adwin_afresh_and_says_so() -> None:
    """After an upgrade of river ADWIN forgets, all else goes on, and `resumed` tells."""
    monitor = binary(0.2)
    feed(monitor, errors(0, 0.2, count=2000))
    writer, body = unseal(monitor.to_bytes())
    assert writer.startswith("river ")
    upgraded = ErrorMonitor.from_bytes(seal("river 99.0", body))
    assert not upgraded.resumed
    assert monitor.resumed
    assert upgraded.seen == 2000
    assert [a.detector for a in feed(upgraded, np.ones(400))] == ["page_hinkley"]


def test_state_is_small() -> None:
    """State is written at every commit: it has a bound, with millions of errors seen as with none."""
    calibrating, long = ErrorMonitor.new("regression", None), binary(0.2)
    feed(calibrating, np.ones(CALIBRATION - 1))
    feed(long, (np.random.default_rng(0).random(300_000) < 0.2).astype(float))
    assert len(calibrating.to_bytes()) < 9_000
    assert len(long.to_bytes()) < 6_000
