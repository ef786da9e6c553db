"""Intervals of metrics against scipy and definitions written plainly; `loadtest.evaluation.fairness` measures how often they cover."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score

from monitor_stream.events.delta import Floats
from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.spec import Task
from monitor_stream.events.tables import PERFORMANCE, confusion_group
from monitor_stream.judge.performance import metrics
from monitor_stream.judge.performance.intervals import Interval
from monitor_stream.judge.performance.intervals.delong import auc_interval
from monitor_stream.judge.performance.intervals.wilson import f1_interval, wilson
from tests.judge.performance.pairs import (
    binary_row,
    confusion,
    multiclass_row,
    regression_row,
    score_counts,
    with_intervals,
)

Z = stats.norm.ppf(0.975)


def pairs(n: int = 3000, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    score = rng.beta(1.5, 4.0, n)
    return score, (rng.random(n) < score).astype(float)


def on_logarithm(value: float, error: float) -> Interval:
    return value * math.exp(-Z * error / value), value * math.exp(Z * error / value)


def bootstrap(statistic: list[float]) -> Interval:
    low, high = np.quantile(statistic, [0.025, 0.975])
    return float(low), float(high)


@given(st.integers(1, 2000), st.floats(0.0, 1.0))
def test_wilson_is_scipys(n: int, share: float) -> None:
    """The interval of a share is that of scipy's exact implementation of Wilson's."""
    successes = round(n * share)
    batch = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((batch.low, batch.high), abs=1e-12)


def test_shares_of_a_window_have_wilsons_interval() -> None:
    """Accuracy, precision, recall and base rate are shares of all, of predicted and of true positives, and of all."""
    score, label = pairs()
    row = binary_row(score, label)
    found = metrics("binary", row).intervals
    of = dict(zip(PERFORMANCE["binary"], row, strict=True))
    hits, n = of["true_positive"], of["scored"]
    assert found["accuracy"] == wilson(n - of["bad"], n)
    assert found["precision"] == wilson(hits, hits + of["false_positive"])
    assert found["recall"] == wilson(hits, hits + of["false_negative"])
    assert found["base_rate"] == wilson(label.sum(), n)


def test_f1_has_the_interval_of_jaccards_index() -> None:
    """F1 rises with Jaccard's index, and so do the ends of its interval; a bootstrap agrees."""
    score, label = pairs()
    low, high = metrics("binary", binary_row(score, label)).intervals["f1"]
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, len(score), (400, len(score)))
    assert (low, high) == pytest.approx(
        bootstrap([f1_score(label[at], score[at] >= 0.5) for at in drawn]), abs=0.012
    )
    assert f1_interval(0.0, 0.0) is None


def test_losses_have_the_interval_of_their_mean() -> None:
    """Log loss, Brier score and MAE: the standard error of the mean, on the logarithm; bias: the normal one."""
    score, label = pairs(400)
    found = metrics("binary", binary_row(score, label)).intervals
    losses = {"log_loss": -np.log(np.where(label > 0.5, score, 1.0 - score)), "brier": (score - label) ** 2}
    for name, terms in losses.items():
        assert found[name] == pytest.approx(on_logarithm(terms.mean(), stats.sem(terms)), rel=1e-9)
    error = np.random.default_rng(2).normal(1.0, 2.0, 400)
    found = metrics("regression", regression_row(label + error, label)).intervals
    assert found["mae"] == pytest.approx(on_logarithm(abs(error).mean(), stats.sem(abs(error))), rel=1e-9)
    reach = Z * stats.sem(error)
    assert found["bias"] == pytest.approx((error.mean() - reach, error.mean() + reach), rel=1e-9)


@pytest.mark.parametrize("centre", [0.0, 40.0, 1000.0])
def test_ratios_and_roots_have_the_delta_methods_interval(centre: float) -> None:
    """RMSE and WAPE agree with a bootstrap, wherever the labels are centred."""
    rng = np.random.default_rng(3)
    label = rng.normal(40.0, 10.0, 1000)
    error = rng.laplace(1.0, 3.0 + 0.05 * np.abs(label))
    found = metrics("regression", regression_row(label + error, label, centre), label_mean=centre).intervals
    drawn = rng.integers(0, len(label), (1000, len(label)))
    roots = np.sqrt(np.square(error[drawn]).mean(axis=1)).tolist()
    wapes = (abs(error[drawn]).sum(axis=1) / abs(label[drawn]).sum(axis=1)).tolist()
    assert found["rmse"] == pytest.approx(bootstrap(roots), rel=0.015)
    assert found["wape"] == pytest.approx(bootstrap(wapes), rel=0.015)
    assert "r2" not in found


def test_auc_has_delongs_interval() -> None:
    """The variance is DeLong's over all pairs of a positive and a negative, as the paper writes it; those of one bin are ties."""
    score, label = pairs(800)
    bins = score_bin(score)
    negatives, positives = bins[label < 0.5], bins[label > 0.5]
    kernel = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
    auc = roc_auc_score(label, bins)
    error = math.sqrt(
        kernel.mean(axis=1).var(ddof=1) / len(positives) + kernel.mean(axis=0).var(ddof=1) / len(negatives)
    )
    odds, reach = math.log(auc / (1.0 - auc)), Z * error / (auc * (1.0 - auc))
    expected = [1.0 / (1.0 + math.exp(-end)) for end in (odds - reach, odds + reach)]
    found = metrics("binary", binary_row(score, label), scores=score_counts(score, label)).intervals["auc"]
    assert found == pytest.approx(expected, rel=1e-9)


def test_classes_that_do_not_overlap_have_no_interval_of_auc() -> None:
    """A perfect ranking says nothing of how near it is to an imperfect one; nor does one of a handful."""
    apart = np.array([[50.0, 0.0], [0.0, 50.0]])
    assert auc_interval(apart[0], apart[1], 1.0) is None
    assert auc_interval(np.array([5.0, 3.0]), np.array([40.0, 60.0]), 0.6) is None


def test_macro_f1_has_the_delta_methods_interval() -> None:
    """It agrees with a bootstrap of the pairs, a class that is often right and one that is often mistaken among them."""
    rng = np.random.default_rng(4)
    label = rng.choice(["a", "b", "c"], 1500, p=[0.6, 0.3, 0.1])
    guess = np.where(rng.random(1500) < 0.75, label, rng.choice(["a", "b", "c"], 1500))
    cells = confusion(guess.tolist(), label.tolist())
    found = metrics("multiclass", multiclass_row(guess.tolist(), label.tolist()), confusion=cells).intervals
    names = "abc"
    drawn = rng.multinomial(
        1500, [cells[confusion_group(p, t)] / 1500 for p in names for t in names], 4000
    ).reshape(-1, 3, 3)
    hits = drawn.diagonal(axis1=1, axis2=2)
    macro = (2.0 * hits / (drawn.sum(axis=1) + drawn.sum(axis=2))).mean(axis=1)
    assert found["macro_f1"] == pytest.approx(bootstrap(macro.tolist()), abs=0.004)


def test_too_few_pairs_have_no_interval_rather_than_a_false_one() -> None:
    """Below 100 pairs means have none, nor roots of squares below 200, while shares have theirs."""
    score, label = pairs(99)
    assert metrics("binary", binary_row(score, label)).intervals.keys() <= {
        "accuracy", "precision", "recall", "f1", "base_rate",
    }  # fmt: skip
    row = with_intervals(regression_row(score, label), covered=80, of=99, width=1.0)
    assert metrics("regression", row).intervals.keys() == {"coverage"}
    score, label = pairs(199)
    assert metrics("regression", regression_row(score, label)).intervals.keys() == {"mae", "bias", "wape"}


def test_what_does_not_vary_has_no_interval_of_its_mean() -> None:
    """One and the same error in every pair tells nothing of its spread; zeros neither."""
    for error in (0.0, 0.1, 1e8):
        row = regression_row(np.full(500, 3.0 + error), np.full(500, 3.0), centre=2.0)
        assert not metrics("regression", row, label_mean=2.0).intervals


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(get_args(Task)),
    st.integers(1, 400),
    st.integers(0, 10**6),
    st.sampled_from([1e-9, 1.0, 1e9]),
)
def test_intervals_are_finite_and_hold_their_value(task: Task, n: int, seed: int, unit: float) -> None:
    """Whatever the pairs: no NaN, nothing outside the metric's range, and the value within."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < rng.random()).astype(float)
    score = np.clip(rng.beta(0.3, 0.3, n), 0.0, 1.0)
    if task == "regression":
        row = with_intervals(regression_row(unit * score, unit * label), covered=n // 2, of=n, width=unit)
        found = metrics(task, row)
    elif task == "binary":
        found = metrics(task, binary_row(score, label), scores=score_counts(score, label))
    else:
        guess, truth = ([str(int(value > 0.5)) for value in values] for values in (score, label))
        found = metrics(task, multiclass_row(guess, truth), confusion=confusion(guess, truth))
    shares = {"accuracy", "precision", "recall", "f1", "macro_f1", "base_rate", "auc", "brier", "coverage"}
    assert found.intervals.keys() <= found.values.keys()
    for name, (low, high) in found.intervals.items():
        assert math.isfinite(low)
        assert math.isfinite(high)
        assert low <= found.values[name] <= high
        if name in shares:
            assert low >= 0.0
            assert high <= 1.0
        elif name != "bias":
            assert low >= 0.0
