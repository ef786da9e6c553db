import numpy as np
import pytest
from sklearn import metrics as batch

from monitor_stream.events.spec import OTHER
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.performance import metrics
from tests.judge.performance.pairs import calibration_row, confusion, multiclass_row


@pytest.mark.parametrize("seed", range(5))
def test_every_metric_is_its_batch_twin(seed: int) -> None:
    """Sums and a confusion matrix give what scikit-learn gives, with classes never predicted or never true."""
    rng = np.random.default_rng(seed)
    label = rng.choice(["cat", "dog", "emu"], 400, p=[0.7, 0.2, 0.1]).tolist()
    guess = np.where(rng.random(400) < 0.7, label, rng.choice(["cat", "dog", "fox"], 400)).tolist()
    highest, right = rng.uniform(0.4, 1.0, 400), (np.array(guess) == label).astype(float)
    found = metrics(
        "multiclass",
        multiclass_row(guess, label, 123.0, 400),
        confusion=confusion(guess, label),
        calibration=calibration_row(highest, right),
    )
    assert not found.not_computable
    assert found.values == pytest.approx(
        {
            "accuracy": batch.accuracy_score(label, guess),
            "macro_f1": batch.f1_score(label, guess, average="macro", zero_division=0.0),
            "log_loss": 123.0 / 400,
            "ece": sum(
                abs(np.sum(highest[b] - right[b])) / 400
                for b in (np.ceil(highest * 10.0) == index for index in range(1, 11))
            ),
        }
    )


def test_classes_beyond_the_bound_have_no_f1_of_their_own() -> None:
    """Pairs of unnamed classes count against the named ones they were taken for, and are no class."""
    guess, label = ["cat", "cat", OTHER, OTHER], ["cat", OTHER, "cat", OTHER]
    found = metrics("multiclass", multiclass_row(guess, label), confusion=confusion(guess, label))
    assert found.values["macro_f1"] == 0.5
    unnamed = metrics("multiclass", multiclass_row([OTHER], [OTHER]), confusion=confusion([OTHER], [OTHER]))
    assert unnamed.not_computable["macro_f1"] == "no class is counted by its name"


def test_what_is_not_there_has_its_reason() -> None:
    """No pairs, no scores, no confusion matrix: each metric says which it lacks."""
    empty = metrics("multiclass", np.zeros(len(PERFORMANCE["multiclass"])), confusion={})
    assert empty.not_computable == dict.fromkeys(
        ("accuracy", "macro_f1", "log_loss", "ece"), "no scored pairs"
    )
    segment = metrics("multiclass", multiclass_row(["a"], ["a"]))
    assert segment.values == {"accuracy": 1.0}
    assert segment.not_computable == {
        "macro_f1": "classes of this group are not counted",
        "log_loss": "no scores",
        "ece": "no scores",
    }


def test_metrics_of_added_rows_are_those_of_all_pairs() -> None:
    """Windows and segments merge by addition."""
    rng = np.random.default_rng(2)
    label, guess = (rng.choice(["a", "b", "c"], 100).tolist() for _ in range(2))
    row = multiclass_row(guess[:30], label[:30]) + multiclass_row(guess[30:], label[30:])
    cells = confusion(guess[:30], label[:30])
    for cell, pairs in confusion(guess[30:], label[30:]).items():
        cells[cell] = cells.get(cell, 0.0) + pairs
    whole = metrics("multiclass", multiclass_row(guess, label), confusion=confusion(guess, label))
    assert metrics("multiclass", row, confusion=cells).values == pytest.approx(whole.values)
