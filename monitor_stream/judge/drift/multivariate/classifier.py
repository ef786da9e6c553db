"""Domain classifier: whether a model can tell rows of now from rows of the reference."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import rankdata

from monitor_stream.events.delta import Floats
from monitor_stream.judge.drift.multivariate.folds import FOLDS, held_out

#: Weight of the penalty on squared coefficients, in rows.
_RIDGE: Final = 10.0
_STEPS: Final = 3


def separability(reference: Floats, now: Floats) -> float:
    """The AUC with which a logistic regression tells the rows of now from those of the reference: .5 when it cannot.

    It sees the values and their squares, so that a change of spread counts too; it is penalised, and judged on the fifth of the
    rows that it was not fitted on, the mean of five.

    Parameters
    ----------
    reference, now
        Encoded rows, shapes ``(m, width)`` and ``(n, width)``, at least `folds.FOLDS` each.

    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(1000, 4))
    >>> separability(rows[:500], rows[500:]) < 0.56, separability(rows[:500], rows[500:] + 1.0) > 0.9
    (True, True)

    References
    ----------
    Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests.
    """
    x = np.concatenate((reference, now))
    x = np.column_stack((np.ones(len(x)), x, _squares(x)))
    y = np.repeat([0.0, 1.0], [len(reference), len(now)])
    out = np.concatenate((list(held_out(len(reference))), list(held_out(len(now)))), axis=1)
    found = [auc(x[part] @ _fit(x[~part], y[~part]), y[part]) for part in out]
    return float(np.mean(found))


def standard_error(m: int, n: int) -> float:
    """Of `separability` when nothing moved: twice the variance of a rank test on m and n rows.

    A fold's rows are judged by what the other folds taught, and in turn teach those: the folds are not independent. On normal
    rows of 2 to 20 columns the factor was 1.75 to 1.97 in simulations.

    >>> round(standard_error(500, 500), 4)
    0.0259
    """
    return float(np.sqrt((m + n + FOLDS) / (6.0 * m * n)))


def auc(scores: Floats, labels: Floats) -> float:
    """How often a row of label 1 has the higher score; ties count half.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.875
    """
    ones = float(labels.sum())
    zeros = len(labels) - ones
    ranks = rankdata(scores)
    return float((ranks[labels > 0.0].sum() - ones * (ones + 1.0) / 2.0) / (ones * zeros))


def _squares(x: Floats) -> Floats:
    # The square of an indicator is the indicator again: only columns of more than two values have one to add.
    many = [column for column in range(x.shape[1]) if len(np.unique(x[:, column])) > 2]
    result: Floats = x[:, many] ** 2 - 1.0
    return result


def _fit(x: Floats, y: Floats) -> Floats:
    """Coefficients of a penalised logistic regression by Newton's method; the two labels weigh the same."""
    weight = np.where(y > 0.0, 0.5 / y.mean(), 0.5 / (1.0 - y.mean()))
    penalty = np.full(x.shape[1], _RIDGE)
    penalty[0] = 1e-6
    coefficients = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ coefficients, -30.0, 30.0)))
        gradient = x.T @ (weight * (y - p)) - penalty * coefficients
        curvature = (x * (weight * np.maximum(p * (1.0 - p), 1e-3))[:, None]).T @ x + np.diag(penalty)
        coefficients = coefficients + np.linalg.solve(curvature, gradient)
    return coefficients
