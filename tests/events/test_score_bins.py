import numpy as np
import pytest

from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.tables import SCORE_BINS, SCORE_LOGIT_LIMIT


@pytest.mark.parametrize(
    ("score", "expected"), [(0.0, 0), (5e-324, 0), (0.5, SCORE_BINS // 2), (1.0 - 2**-53, 399), (1.0, 399)]
)
def test_the_ends_and_the_middle_have_their_bins(score: float, expected: int) -> None:
    """Zero and one are ordinary scores: they fall in the outer bins, without a warning."""
    assert score_bin(np.array([score])).tolist() == [expected]


def test_a_higher_score_never_has_a_lower_bin() -> None:
    """Bins keep the ranking, down to neighbouring floats."""
    rng = np.random.default_rng(0)
    scores = rng.beta(0.1, 0.1, 20_000)
    scores = np.sort(np.concatenate([scores, np.nextafter(scores, 1.0)]))
    assert np.all(np.diff(score_bin(scores)) >= 0)


def test_each_bin_is_reached_from_its_middle() -> None:
    """The bins are of equal width in log-odds, and none is out of reach."""
    width = 2 * SCORE_LOGIT_LIMIT / SCORE_BINS
    middles = -SCORE_LOGIT_LIMIT + width * (np.arange(SCORE_BINS) + 0.5)
    assert score_bin(1.0 / (1.0 + np.exp(-middles))).tolist() == list(range(SCORE_BINS))


def test_no_scores_have_no_bins() -> None:
    """An empty batch is a batch."""
    assert score_bin(np.array([])).tolist() == []
