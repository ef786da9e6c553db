"""What docs/evaluation.md says of champions and challengers, held as promises for 0/1 errors."""

import numpy as np
import pytest

from loadtest.evaluation.comparison import (
    ALPHA,
    PER_SPAN,
    WEATHERS,
    Draw,
    Weather,
    bits,
    decide,
    pairs_of_bits,
    weather,
)


def draws() -> list[Draw]:
    rng = np.random.default_rng(4)
    return [pairs_of_bits(PER_SPAN, rng), bits(PER_SPAN, rng)]


@pytest.mark.parametrize("kind", WEATHERS, ids=lambda kind: kind.name)
def test_equals_are_told_apart_at_most_as_often_as_stated(kind: Weather) -> None:
    """Whoever looks every day for a quarter and stops at the first decision is wrong in alpha of 1,000 streams at most."""
    rng = np.random.default_rng(5)
    for draw in draws():
        found = decide(draw(weather(kind, rng)), bounded=True)
        assert found.ours.any(-1).mean() <= ALPHA
        assert found.t_test.any(-1).mean() > 5 * ALPHA


def test_five_points_take_days_and_not_weeks() -> None:
    """A challenger that is better by 5 points is found within a week and a day, at the median; none the other way round."""
    for draw in draws():
        spans = draw(np.full((1_000, 90), -0.05))
        found = decide(spans, bounded=True).ours
        assert found[:, 7].mean() > 0.5
        assert found[:, -1].all()
