from statistics import median

import numpy as np
import pytest
from river.drift import ADWIN

from monitor_stream.events.delta import Floats
from monitor_stream.judge.detectors.adwin import Adwin
from monitor_stream.judge.detectors.sealed import DetectorStateError
from tests.judge.detectors.streams import errors, s1, s2, s3, split


def alarms(signal: Floats) -> list[int]:
    return [change.index for change in Adwin().feed(signal)]


def river_alarms(signal: Floats) -> list[int]:
    adwin, found = ADWIN(), []  # type: ignore[no-untyped-call]
    for index, value in enumerate(signal.tolist()):
        adwin.update(value)  # type: ignore[no-untyped-call]
        if adwin.drift_detected:
            found.append(index)
    return found


@pytest.mark.parametrize(
    ("signal", "total", "expected"), [(s1(), 1514, 1055), (s2(), 5970, 1023), (s3(), 9018, 1023)]
)
def test_golden_sequences_alarm_where_published(signal: Floats, total: int, expected: int) -> None:
    """The published sequences give the published alarm, and no other."""
    assert signal.sum() == total
    assert alarms(signal) == [expected]


@pytest.mark.parametrize("seed", range(20))
def test_alarms_are_those_of_river(seed: int) -> None:
    """On random streams with random changes every alarm is river's, for any split into arrays."""
    rng = np.random.default_rng(seed)
    levels = rng.random(int(rng.integers(1, 6)))
    signal = np.concatenate([np.clip(rng.normal(level, 0.2, 700), 0, 1) for level in levels])
    adwin, found = Adwin(), []
    for part in split(rng, len(signal)):
        found += [part.start + change.index for change in adwin.feed(signal[part])]
    assert found == river_alarms(signal)


def test_state_resumes_to_the_bit_anywhere() -> None:
    """Written and read back at any point, also just after an alarm, it goes on as if nothing had happened."""
    signal = errors(3, 0.1, 0.3, count=1500)
    whole = Adwin()
    expected = list(whole.feed(signal))
    assert len(expected) == 1
    for cut in (0, 1, 31, 32, 777, expected[0].index, expected[0].index + 1, 2999):
        first = Adwin()
        found = list(first.feed(signal[:cut]))
        second = Adwin.restore(first.state())
        later = list(second.feed(signal[cut:]))
        assert [c.before for c in found + later] == [expected[0].before]
        assert second.state() == whole.state(), cut


def test_direction_is_right() -> None:
    """A rise is worse and a fall is better, in every one of 60 changes of either kind."""
    for seed in range(30):
        assert [c.direction for c in Adwin().feed(errors(seed, 0.1, 0.3, count=3000))] == ["worse"]
        assert [c.direction for c in Adwin().feed(errors(seed, 0.3, 0.1, count=3000))] == ["better"]


def test_levels_are_those_of_either_side() -> None:
    """Over 40 changes the levels given are those of the stream, in the median and nearly always."""
    found = [change for seed in range(40) for change in Adwin().feed(errors(seed, 0.2, 0.4, count=4000))]
    before, after = np.array([c.before for c in found]), np.array([c.after for c in found])
    assert abs(median(before) - 0.2) < 0.005
    assert abs(median(after) - 0.4) < 0.03
    assert np.mean(np.abs(after - 0.4) < np.abs(after - 0.2)) > 0.95


@pytest.mark.parametrize(
    ("before", "after", "delay", "missed"),
    [(0.10, 0.15, 976, 0), (0.10, 0.20, 272, 0), (0.20, 0.30, 432, 0), (0.05, 0.10, 640, 0)],
)
def test_delays_and_false_alarms_are_as_published(
    before: float, after: float, delay: int, missed: int
) -> None:
    """20 seeds of the Bernoulli table: no alarm before the change, none missed, the median delay within a third."""
    delays = []
    for seed in range(20):
        found = alarms(errors(seed, before, after))
        assert not [index for index in found if index < 10_000]
        delays += [index - 10_000 for index in found[:1]]
    assert len(delays) == 20 - missed
    assert median(delays) == pytest.approx(delay, rel=0.33)


def test_a_state_that_river_cannot_read_is_an_ordinary_error(capfd: pytest.CaptureFixture[str]) -> None:
    """River panics on damaged bytes, past `except Exception`; here that is a DetectorStateError."""
    state = Adwin().state()
    with pytest.raises(DetectorStateError, match="river cannot read"):
        Adwin.restore(type(state)(state.window[:9], state.levels))
    assert "panicked" in capfd.readouterr().err
