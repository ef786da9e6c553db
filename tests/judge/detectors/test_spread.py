import numpy as np
import pytest

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.judge.detectors.spread import between, persistence


def spans(rng: np.random.Generator, count: int, spread: float, n: int = 900) -> tuple[Floats, Ints]:
    """Error rates of spans about 0.3, which lie so far apart."""
    levels = np.clip(rng.normal(0.3, spread, count), 0.0, 1.0)
    counts = rng.integers(n // 2, n, count)
    return rng.binomial(counts, levels) / counts, counts


@pytest.mark.parametrize("count", [21, 59, 365])
@pytest.mark.parametrize("spread", [0.02, 0.05, 0.1])
def test_the_spread_beyond_sampling_is_found(count: int, spread: float) -> None:
    """On average over references it is right within a tenth, spans being as many as in three weeks or a year."""
    rng = np.random.default_rng(0)
    found = [between(*spans(rng, count, spread), np.sqrt(0.21)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(spread, rel=0.1)


def test_independent_errors_have_next_to_none() -> None:
    """What sampling explains is not called spread: half the references give 0, the others little."""
    rng = np.random.default_rng(1)
    found = np.array([between(*spans(rng, 59, 0.0), np.sqrt(0.21)) for _ in range(200)])
    assert 0.35 < np.mean(found == 0.0) < 0.75
    assert found.max() < 0.017  # the standard error of a span is 0.0176


@pytest.mark.parametrize("count", [14, 59])
def test_a_blizzard_is_not_the_measure_of_all_days(count: int) -> None:
    """Three days in 59 on which nearly all is wrong raise the spread by a third at most; their variance would triple it."""
    rng = np.random.default_rng(2)
    means, counts = spans(rng, count, 0.05)
    usual = between(means, counts, np.sqrt(0.21))
    means[: count // 19 + 1] = 0.8
    assert between(means, counts, np.sqrt(0.21)) < 1.5 * usual
    assert means.std() > 2.0 * usual


@pytest.mark.parametrize("means", [[], [0.3], [0.3, 0.3], [0.0, 0.0, 0.0]])
def test_spans_that_tell_nothing_have_no_spread(means: list[float]) -> None:
    """No span, one span, equal spans, no errors at all: 0, and no warning."""
    values = np.array(means)
    assert between(values, np.full(len(means), 100), 0.0) == 0.0
    assert persistence(values) == 0.0


@pytest.mark.parametrize("weather", [0.0, 0.3, 0.6])
def test_persistence_errs_on_the_safe_side(weather: float) -> None:
    """The correlation of days is found, about one standard error too high."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(100):
        days = np.zeros(160)
        for at in range(1, len(days)):
            days[at] = weather * days[at - 1] + rng.normal()
        found.append(persistence(days[100:]))
    assert np.mean(found) == pytest.approx(min(weather + 0.13, 0.7), abs=0.07)
