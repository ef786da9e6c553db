from statistics import median

import numpy as np
import pytest
from river.drift import PageHinkley as RiverPageHinkley

from monitor_stream.events.delta import Floats
from monitor_stream.judge.detectors.page_hinkley import PageHinkley
from tests.judge.detectors.streams import errors, s1, s2, s3, split


def new() -> PageHinkley:
    return PageHinkley(delta=0.005, threshold=50.0)  # river's defaults


def alarms(signal: Floats, parts: list[slice]) -> list[int]:
    """All alarms, a new detector after each, as river does it."""
    detector, found = new(), []
    for part in parts:
        start = part.start
        while (alarm := detector.feed(signal[start : part.stop])) is not None:
            found.append(start + alarm)
            start += alarm + 1
            detector = new()
    return found


def river_alarms(signal: Floats) -> list[int]:
    detector, found = RiverPageHinkley(mode="up"), []
    for index, value in enumerate(signal.tolist()):
        detector.update(value)  # type: ignore[no-untyped-call]
        if detector.drift_detected:
            found.append(index)
    return found


@pytest.mark.parametrize(("signal", "expected"), [(s1(), [1099]), (s2(), [1006]), (s3(), [1004, 1692])])
def test_golden_sequences_alarm_where_published(signal: Floats, expected: list[int]) -> None:
    """The published sequences give the published alarms."""
    assert alarms(signal, [slice(0, len(signal))]) == expected


@pytest.mark.parametrize("seed", range(12))
def test_alarms_are_those_of_river(seed: int) -> None:
    """On random streams longer than a block every alarm is river's, for any split into arrays."""
    rng = np.random.default_rng(seed)
    levels = rng.random(int(rng.integers(1, 4)))
    signal = np.concatenate([np.clip(rng.normal(level, 0.3, 5500), 0, 1) for level in levels])
    assert alarms(signal, split(rng, len(signal))) == river_alarms(signal)


def test_the_first_values_never_alarm() -> None:
    """As in river, no alarm before the 30th value, however large the jump."""
    signal = np.repeat([0.0, 100.0], [5, 100])
    assert alarms(signal, [slice(0, len(signal))]) == river_alarms(signal)
    assert new().feed(signal) == 29


def test_a_split_changes_no_bit() -> None:
    """State is a function of the values, not of the arrays they came in, across the ends of blocks too."""
    signal = np.random.default_rng(5).random(12_000)
    whole = new()
    assert whole.feed(signal) is None
    for seed in range(10):
        parted = new()
        for part in split(np.random.default_rng(seed), len(signal)):
            parted = PageHinkley.restore(parted.state())
            assert parted.feed(signal[part]) is None
        assert parted.state() == whole.state()


@pytest.mark.parametrize(
    ("before", "after", "delay"),
    [(0.10, 0.15, 876), (0.10, 0.20, 422), (0.20, 0.30, 391), (0.05, 0.10, 1048)],
)
def test_delays_and_false_alarms_are_as_published(before: float, after: float, delay: int) -> None:
    """20 seeds of the Bernoulli table: about .12 false alarms at .2 and none below, the median delay within a third."""
    delays, false_alarms = [], 0
    for seed in range(20):
        signal = errors(seed, before, after)
        found = alarms(signal, [slice(0, len(signal))])
        false_alarms += sum(index < 10_000 for index in found)
        delays += [index - 10_000 for index in found if index >= 10_000][:1]
    assert false_alarms <= (6 if before == 0.2 else 0)
    assert len(delays) >= 19
    assert median(delays) == pytest.approx(delay, rel=0.33)
