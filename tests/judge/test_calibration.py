"""The reliability curve of settled days, and Murphy's decomposition."""

import numpy as np
import pytest
from scipy import stats

from monitor_stream.events.tables import CALIBRATION_BINS
from monitor_stream.judge.calibration import calibration
from tests.judge.performance.pairs import calibration_row


def test_the_curve_is_its_batch_twin() -> None:
    """Pairs, mean score, share and Wilson's interval of each bin; ECE over all."""
    rng = np.random.default_rng(0)
    score = rng.beta(1.5, 4.0, 5000)
    label = (rng.random(5000) < score**1.3).astype(float)
    found = calibration(calibration_row(score, label), 0.0, 86400.0)
    assert found is not None
    assert found.n == 5000
    assert (found.start.timestamp(), found.end.timestamp()) == (0.0, 86400.0)
    in_bins = [np.ceil(score * 10.0) == index for index in range(1, 11)]
    in_bins = [inside for inside in in_bins if inside.any()]
    for bin_, inside in zip(found.bins, in_bins, strict=True):
        batch = stats.binomtest(int(label[inside].sum()), int(inside.sum())).proportion_ci(method="wilson")
        assert bin_.n == inside.sum()
        assert bin_.mean_score == pytest.approx(score[inside].mean())
        assert bin_.positive_share == pytest.approx(label[inside].mean())
        assert (bin_.low, bin_.high) == pytest.approx((batch.low, batch.high))
    gaps = [abs(score[inside].mean() - label[inside].mean()) * inside.mean() for inside in in_bins]
    assert found.ece == pytest.approx(sum(gaps))


def test_the_decomposition_adds_up_to_the_brier_score() -> None:
    """Reliability less resolution plus uncertainty, exactly, where scores do not differ within a bin."""
    rng = np.random.default_rng(1)
    score = rng.choice(np.arange(CALIBRATION_BINS) / 10 + 0.05, 3000)
    label = (rng.random(3000) < score**2).astype(float)
    found = calibration(calibration_row(score, label), 0.0, 1.0)
    assert found is not None
    brier = found.reliability - found.resolution + found.uncertainty
    assert brier == pytest.approx(np.square(score - label).mean())
    assert found.uncertainty == pytest.approx(label.mean() * (1.0 - label.mean()))


def test_nothing_scored_has_no_curve() -> None:
    """Without pairs there is none, rather than one of zeros."""
    assert calibration(np.zeros(3 * CALIBRATION_BINS), 0.0, 1.0) is None
