import numpy as np
import pytest

from monitor_stream.judge.detectors.levels import Levels
from tests.judge.detectors.streams import split


@pytest.mark.parametrize("length", [2, 31, 64, 65, 2000, 5000, 60_000, 70_000])
def test_a_step_far_back_still_gives_the_level_after_it(length: int) -> None:
    """Whatever is kept, the level after the change is that of the values after it."""
    levels = Levels()
    levels.follow(np.repeat([0.1, 0.6], [3000, length]))
    before, after, count = levels.part(1)
    assert after == pytest.approx(0.6, abs=0.02)
    assert count == pytest.approx(
        min(length, 65_536), abs=1024 if length > 2000 else 32 if length > 63 else 0
    )
    assert before == pytest.approx(0.1 if length <= 60_000 else (300 + 0.6 * 6000) / 9000, abs=0.1)


def test_the_step_asked_for_is_the_one_given() -> None:
    """Of a rise and a larger fall, each is found by its sign."""
    levels = Levels()
    levels.follow(np.repeat([0.2, 0.4, 0.1], [1000, 320, 640]))
    before, after, _ = levels.part(-1)
    assert before == pytest.approx(0.248, abs=0.01)
    assert after == pytest.approx(0.1, abs=0.01)
    before, after, _ = levels.part(1)
    assert before < after


def test_one_error_is_not_taken_for_a_level() -> None:
    """After many right answers and some wrong ones, the last wrong one is not the new level."""
    levels = Levels()
    levels.follow(np.concatenate((np.zeros(2000), np.tile([0.0] * 9 + [1.0], 10))))
    assert levels.part(1)[1] == pytest.approx(0.1, abs=0.02)


def test_a_split_changes_no_bit() -> None:
    """State is a function of the values, not of the arrays they came in."""
    signal = np.random.default_rng(0).random(5000)
    whole = Levels()
    whole.follow(signal)
    for seed in range(10):
        parted = Levels()
        for part in split(np.random.default_rng(seed), len(signal)):
            parted = Levels.restore(parted.state())
            parted.follow(signal[part])
        assert parted.state() == whole.state()


def test_state_is_small() -> None:
    """It is written at every commit, so it has a bound."""
    levels = Levels()
    levels.follow(np.zeros(100_000))
    assert sum(map(len, levels.state().marks)) == 1536
