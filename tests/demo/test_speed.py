import numpy as np
import pytest
from click import BadParameter
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.demo.screen import Rate
from monitor_stream.demo.speed import Speed, SpeedType

TIMES = np.array([100.0, 100.0, 160.0, 400.0])


@pytest.mark.parametrize(
    ("text", "elapsed", "due"),
    [
        ("max", 0.0, 4),
        ("60x", 0.0, 2),
        ("60x", 1.0, 3),
        ("60x", 5.0, 4),
        ("2", 0.0, 1),
        ("2", 1.0, 3),
        ("2", 9.0, 4),
    ],
)
def test_what_is_due_follows_the_speed(text: str, elapsed: float, due: int) -> None:
    """By event time, by number or at once; never more than there is."""
    assert SpeedType().convert(text, None, None).due(TIMES, elapsed) == due


@given(st.floats(0.1, 1e6), st.lists(st.floats(0, 1e3), min_size=2))
def test_nothing_due_is_taken_back(factor: float, moments: list[float]) -> None:
    """As time goes by, more is due, or as much."""
    for kind in ("time", "events"):
        speed = Speed(kind, factor)
        due = [speed.due(TIMES, moment) for moment in sorted(moments)]
        assert due == sorted(due)


@pytest.mark.parametrize("text", ["fast", "0", "-5", "0x", "x"])
def test_another_speed_is_refused(text: str) -> None:
    """The sentence says what a speed looks like."""
    with pytest.raises(BadParameter, match="86400x"):
        SpeedType().convert(text, None, None)


def test_a_rate_is_that_of_the_last_seconds() -> None:
    """What was long ago does not count."""
    rate = Rate()
    for second in range(20):
        shown = rate.note(min(second, 10) * 100, float(second))
        assert shown == pytest.approx(
            100 * (min(second, 10) - max(min(second - 5, 10), 0)) / max(min(second, 5), 1)
        )
