import numpy as np
import pytest
from sklearn import metrics as batch

from monitor_stream.events.delta import Floats
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.performance import metrics
from tests.judge.performance.pairs import binary_row, calibration_row, score_counts


def test_every_metric_is_its_batch_twin() -> None:
    """Sums give what scikit-learn gives on the pairs themselves."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        score = rng.beta(1.5, 4.0, 4000)
        label = (rng.random(4000) < score).astype(float)
        found = metrics(
            "binary",
            binary_row(score, label),
            scores=score_counts(score, label),
            calibration=calibration_row(score, label),
        )
        guess = score >= 0.5
        assert found.scored == 4000
        assert found.bad == np.sum(guess != label)
        assert not found.not_computable
        assert found.values.pop("auc") == pytest.approx(batch.roc_auc_score(label, score), abs=0.002)
        assert found.values.pop("ece") == pytest.approx(_ece(score, label), rel=1e-9)
        assert found.values == pytest.approx(
            {
                "accuracy": batch.accuracy_score(label, guess),
                "precision": batch.precision_score(label, guess),
                "recall": batch.recall_score(label, guess),
                "f1": batch.f1_score(label, guess),
                "log_loss": batch.log_loss(label, score),
                "brier": batch.brier_score_loss(label, score),
                "base_rate": label.mean(),
                "mean_score": score.mean(),
            },
            rel=1e-9,
        )


def _ece(score: Floats, label: Floats) -> float:
    bins = np.ceil(score * 10.0).clip(1, 10)
    each = [bins == index for index in range(1, 11)]
    return float(sum(abs(score[b].mean() - label[b].mean()) * b.mean() for b in each if b.any()))


def _sigmoid(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


@pytest.mark.parametrize("rate", [0.5, 0.05, 0.003])
@pytest.mark.parametrize("separation", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("shape", ["balanced", "near zero", "near one", "narrow", "spread", "few values"])
def test_auc_from_bins_is_the_exact_one(shape: str, separation: float, rate: float) -> None:
    """Within 0.002 of scikit-learn's, or a tenth of its own sampling error, for scores of many shapes and rarities."""
    rng = np.random.default_rng(8)
    label = (rng.random(20_000) < rate).astype(float)
    rank = rng.normal(separation * label)
    score = {
        "balanced": _sigmoid(rank),
        "near zero": _sigmoid(rank - 7.0),
        "near one": _sigmoid(rank + 7.0),
        "narrow": _sigmoid(0.3 * rank - 2.0),
        "spread": _sigmoid(3.0 * rank),
        "few values": np.round(_sigmoid(rank), 1),
    }[shape]
    found = metrics("binary", binary_row(score, label), scores=score_counts(score, label))
    tolerance = max(0.002, 0.1 * np.sqrt(1 / 12 / label.sum()))
    assert found.values["auc"] == pytest.approx(batch.roc_auc_score(label, score), abs=tolerance)


def test_auc_counts_ties_half_and_has_its_ends() -> None:
    """One score for all is 0.5; perfect and inverted scores are 1 and 0."""
    label = np.array([0.0, 1.0, 0.0, 1.0])
    for score, auc in ((np.full(4, 0.3), 0.5), (label, 1.0), (1.0 - label, 0.0)):
        assert (
            metrics("binary", binary_row(score, label), scores=score_counts(score, label)).values["auc"]
            == auc
        )


@pytest.mark.parametrize(
    ("side", "missing"), [(0.0, "all scored labels are negative"), (1.0, "all scored labels are positive")]
)
def test_one_class_has_no_auc(side: float, missing: str) -> None:
    """AUC needs both classes; without one it is absent, not 0."""
    score, label = np.array([0.2, 0.8]), np.full(2, side)
    found = metrics("binary", binary_row(score, label), scores=score_counts(score, label))
    assert "auc" not in found.values
    assert found.not_computable["auc"] == missing


def test_ratios_without_a_denominator_have_their_reason() -> None:
    """No positive predicted, no positive label: the metric is absent, and says which it was."""
    nothing_predicted = metrics("binary", binary_row(np.array([0.1, 0.2]), np.array([0.0, 1.0])))
    assert nothing_predicted.not_computable["precision"] == "nothing was predicted positive"
    assert (nothing_predicted.values["recall"], nothing_predicted.values["f1"]) == (0.0, 0.0)
    no_positives = metrics("binary", binary_row(np.array([0.1, 0.9]), np.zeros(2)))
    assert no_positives.not_computable["recall"] == "no label is positive"
    assert (no_positives.values["precision"], no_positives.values["base_rate"]) == (0.0, 0.0)
    all_quiet = metrics("binary", binary_row(np.array([0.1, 0.2]), np.zeros(2)))
    assert all_quiet.not_computable["f1"] == "neither a prediction nor a label is positive"
    assert all_quiet.values["accuracy"] == 1.0


def test_pairs_without_scores_lack_what_needs_scores() -> None:
    """Classes alone give the confusion metrics; a group whose scores are not counted lacks AUC only."""
    row = binary_row(np.array([0.1, 0.9]), np.array([0.0, 1.0]))
    uncounted = "scores of this group are not counted"
    assert metrics("binary", row).not_computable == {"auc": uncounted, "ece": uncounted}
    row[6:] = 0.0
    found = metrics("binary", row, scores=np.zeros((2, 400)))
    assert found.not_computable == dict.fromkeys(
        ("log_loss", "brier", "auc", "ece", "mean_score"), "no scores"
    )


def test_nothing_scored_gives_reasons_only() -> None:
    """An empty window has no metric, and says why."""
    found = metrics("binary", np.zeros(len(PERFORMANCE["binary"])), scores=np.zeros((2, 400)))
    assert not found.values
    assert set(found.not_computable.values()) == {"no scored pairs"}
    assert len(found.not_computable) == 10


def test_metrics_of_added_rows_are_those_of_all_pairs() -> None:
    """Windows and segments merge by addition, AUC among them."""
    rng = np.random.default_rng(1)
    score = rng.random(3000)
    label = (rng.random(3000) < score).astype(float)
    parts = [slice(0, 10), slice(10, 11), slice(11, 2000), slice(2000, 3000)]
    row = np.sum([binary_row(score[part], label[part]) for part in parts], axis=0)
    counts = np.sum([score_counts(score[part], label[part]) for part in parts], axis=0)
    whole = metrics("binary", binary_row(score, label), scores=score_counts(score, label))
    assert metrics("binary", row, scores=counts).values == pytest.approx(whole.values, rel=1e-12)
