from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, Reference
from monitor_stream.judge.drift.multivariate import judge_rows
from monitor_stream.judge.drift.multivariate.classifier import auc, separability, standard_error
from monitor_stream.judge.drift.multivariate.encoding import MAX_COLUMNS, Encoding
from monitor_stream.judge.drift.multivariate.reconstruction import reconstruction
from monitor_stream.judge.drift.reference import numeric_reference

MIXING = np.random.default_rng(1).normal(size=(3, 8))
CARRIER = CategoricalReference(n=20_000, missing=0.0, shares={"UA": 0.6, "AA": 0.3, "DL": 0.1})


def draw(rng: np.random.Generator, n: int) -> Floats:
    """Rows of eight numbers that hang together, one of them heavy-tailed, some missing, and a category."""
    x = rng.normal(size=(n, 3)) @ MIXING + 0.7 * rng.normal(size=(n, 8))
    x[:, 0] = np.exp(x[:, 0])
    x[rng.random(x.shape) < 0.02] = np.nan
    return np.column_stack((x, rng.choice(3, size=n, p=[0.6, 0.3, 0.1])))


def references() -> list[Reference]:
    rows = draw(np.random.default_rng(2), 20_000)
    columns = [rows[:, column] for column in range(8)]
    return [*(numeric_reference(column[~np.isnan(column)], len(column)) for column in columns), CARRIER]


REFERENCES = references()


def test_rows_of_one_kind_are_found_at_their_level() -> None:
    """Where nothing moved p-values below .05 are about one in twenty, and nothing is called drift."""
    rng = np.random.default_rng(3)
    found = [judge_rows(draw(rng, 400), draw(rng, 300), REFERENCES, 0.001) for _ in range(150)]
    for method in (0, 1, 2):
        p_values = [span[method].p_value for span in found]
        assert 0.0 <= np.mean([p is not None and p < 0.05 for p in p_values]) < 0.11
        assert not any(span[method].drifted for span in found)
        values = [span[method].value or 0.0 for span in found]
        assert np.mean(values) == pytest.approx(found[0][method].expected, rel=0.25)


def test_what_no_column_shows_is_seen_by_reconstruction() -> None:
    """Columns with the same values each, that no longer go together."""
    rng = np.random.default_rng(4)
    apart = rng.permuted(draw(rng, 400), axis=0)
    [found, *_] = judge_rows(draw(rng, 400), apart, REFERENCES, 0.01)
    assert found.column == "reconstruction_error"
    assert found.drifted


@pytest.mark.parametrize("change", ["mean", "spread", "category"])
def test_the_classifier_sees_means_spreads_and_categories(change: str) -> None:
    """A shift, a doubled spread, and new shares of categories are told apart."""
    rng = np.random.default_rng(5)
    now = draw(rng, 500)
    if change == "mean":
        now[:, 3] += 3.0
    elif change == "spread":
        now[:, 3] *= 2.5
    else:
        now[:, 8] = rng.choice(3, size=500, p=[0.1, 0.3, 0.6])
    [_, found, _] = judge_rows(draw(rng, 500), now, REFERENCES, 0.01)
    assert found.column == "domain_classifier"
    assert found.drifted
    assert found.value is not None
    assert found.value > 0.6


def test_separability_is_near_that_of_scikit_learn() -> None:
    """The same folds, features and penalty give the AUC of its logistic regression."""
    rng = np.random.default_rng(6)
    before, now = rng.normal(size=(300, 5)), rng.normal(size=(300, 5)) * 1.3 + 0.2
    x = np.concatenate((before, now))
    x = np.column_stack((x, x**2 - 1.0))
    y = np.repeat([0, 1], 300)
    out = np.concatenate((np.arange(300), np.arange(300))) % 5
    theirs = []
    for fold in range(5):
        model = LogisticRegression(C=0.1, max_iter=1000).fit(x[out != fold], y[out != fold])
        theirs.append(roc_auc_score(y[out == fold], model.decision_function(x[out == fold])))
    assert separability(before, now) == pytest.approx(np.mean(theirs), abs=0.003)


def test_auc_is_that_of_scikit_learn() -> None:
    """Ties and all."""
    rng = np.random.default_rng(7)
    scores, labels = rng.integers(0, 20, 400).astype(np.float64), rng.integers(0, 2, 400).astype(np.float64)
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_reconstruction_is_that_of_scikit_learn() -> None:
    """Errors of held-out rows are those of its PCA with as many components."""
    rng = np.random.default_rng(8)
    before, now = rng.normal(size=(200, 3)) @ MIXING, rng.normal(size=(150, 3)) @ MIXING * 1.5
    usual, present = np.empty(200), np.zeros(150)
    for fold in range(5):
        out = np.arange(200) % 5 == fold
        model = PCA(n_components=0.65, svd_solver="full").fit(before[~out])
        present += np.linalg.norm(now - model.inverse_transform(model.transform(now)), axis=1) / 5
        back = model.inverse_transform(model.transform(before[out]))
        usual[out] = np.linalg.norm(before[out] - back, axis=1)
    found = reconstruction(before, now)
    assert found.usual == pytest.approx(usual.mean())
    assert found.value == pytest.approx(abs(present.mean() / usual.mean() - 1.0))


def test_alike_rows_widen_the_band() -> None:
    """With a design effect of four both thresholds lie twice as far from what is expected."""
    rng = np.random.default_rng(9)
    before, now = draw(rng, 300), draw(rng, 300)
    plain = judge_rows(before, now, REFERENCES, 1e-6)
    wide = judge_rows(before, now, REFERENCES, 1e-6, design_effect=4.0)
    assert [column.value for column in plain] == [column.value for column in wide]
    for one, two, base in zip(plain, wide, (0.0, 0.5, 0.0), strict=True):
        assert one.threshold is not None
        assert two.threshold is not None
        assert two.threshold - base == pytest.approx(2.0 * (one.threshold - base), rel=1e-6)
    assert standard_error(300, 300) < 0.05


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (0, 300, "the reference holds no rows"),
        (300, 40, "40 rows against 300, fewer than 100"),
    ],
)
def test_too_few_rows_say_so(before: int, now: int, reason: str) -> None:
    """No method guesses."""
    rng = np.random.default_rng(10)
    found = judge_rows(draw(rng, before), draw(rng, now), REFERENCES, 0.01)
    assert [column.not_computable for column in found] == [reason] * 3


def test_ugly_rows_give_finite_values() -> None:
    """All missing, all alike, or far beyond the reference: a number or a reason, never NaN."""
    rng = np.random.default_rng(11)
    good = draw(rng, 200)
    for ugly in (np.full((200, 9), np.nan), np.zeros((200, 9)), np.full((200, 9), 1e300), -good):
        for before, now in ((good, ugly), (ugly, good), (ugly, ugly)):
            for column in judge_rows(before, now, REFERENCES, 0.01):
                if not column.not_computable:
                    numbers = (column.value, column.threshold, column.expected, column.p_value)
                    assert all(number is not None and math.isfinite(number) for number in numbers)


def test_the_matrix_is_bounded() -> None:
    """Hundreds of columns cost no more than a hundred."""
    many: list[Reference] = [*REFERENCES] * 60
    encoding = Encoding.of(many)
    assert encoding.width <= MAX_COLUMNS
    assert encoding.encode(np.tile(draw(np.random.default_rng(12), 10), 60)).shape == (10, encoding.width)
    constant = numeric_reference(np.full(10, 3.0), 10)
    assert Encoding.of([constant, None]).width == 0
