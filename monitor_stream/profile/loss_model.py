"""The size of the error that is to be expected of a prediction in a regression, fitted on the reference rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import LossModel
from monitor_stream.profile.rounding import significant

Codes = npt.NDArray[np.uint8]

#: Columns of a model: those that tell most of the error on their own.
MOST_COLUMNS: Final = 20
#: Rows by which each weight is drawn to 0; that is taken which foretells rows best that it was not fitted on.
PENALTIES: Final = (3.0, 10.0, 30.0, 100.0, 300.0)
_DIGITS: Final = 4


class Binned(NamedTuple):
    """Rows by the bins of their columns: codes of shape (rows,) by column, how many bins each has (the last one for missing
    values), and the absolute errors of shape (rows,).
    """

    codes: Mapping[str, Codes]
    bins: Mapping[str, int]
    errors: Floats

    def at(self, rows: slice | npt.NDArray[np.bool_]) -> Binned:
        """Some of the rows."""
        return Binned({name: codes[rows] for name, codes in self.codes.items()}, self.bins, self.errors[rows])


def fit(rows: Binned, penalty: float) -> LossModel:
    """Additive in the columns: ridge regression of the absolute error on the bins, the intercept not drawn.

    >>> codes = {"hour": np.array([0, 0, 1, 1] * 50, np.uint8)}
    >>> fit(Binned(codes, {"hour": 3}, np.array([1.0, 3.0, 5.0, 7.0] * 50)), 1.0)
    LossModel(intercept=4.0, weights={'hour': [-1.98, 1.98, 0.0]})

    References
    ----------
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12.
    """
    return _equations(rows).solved(penalty)


class _Equations(NamedTuple):
    """The normal equations of a regression on bins, before it is known how far weights are drawn to 0."""

    widths: dict[str, int]
    gram: Floats
    moment: Floats
    mean: float

    def solved(self, penalty: float) -> LossModel:
        weights = np.linalg.solve(self.gram + penalty * np.eye(len(self.moment)), self.moment)
        ends = np.cumsum(list(self.widths.values()))
        found = {
            name: [significant(float(weight), _DIGITS) for weight in weights[end - width : end]]
            for (name, width), end in zip(self.widths.items(), ends.tolist(), strict=True)
        }
        return LossModel(intercept=significant(self.mean, _DIGITS), weights=found)


def _equations(rows: Binned) -> _Equations:
    names = telling(rows)
    widths = [rows.bins[name] for name in names]
    starts = np.concatenate(([0], np.cumsum(widths))).astype(np.int64)
    total = int(starts[-1])
    mean = float(rows.errors.mean())
    gram, moment = np.zeros((total, total)), np.zeros(total)
    for at, name in enumerate(names):
        codes = rows.codes[name].astype(np.int64)
        own = slice(starts[at], starts[at + 1])
        moment[own] = np.bincount(codes, rows.errors - mean, widths[at])
        for other, second in itertools.islice(enumerate(names), at, None):
            pairs = np.bincount(
                codes * widths[other] + rows.codes[second], minlength=widths[at] * widths[other]
            )
            block = pairs.reshape(widths[at], widths[other]).astype(np.float64)
            across = slice(starts[other], starts[other + 1])
            gram[own, across], gram[across, own] = block, block.T
    return _Equations(dict(zip(names, widths, strict=True)), gram, moment, mean)


def expected(model: LossModel, rows: Binned) -> Floats:
    """The error that a model foretells of each row."""
    total = np.full(len(rows.errors), model.intercept)
    for name, weights in model.weights.items():
        total += np.array(weights)[rows.codes[name]]
    foretold: Floats = np.maximum(total, 0.0)
    return foretold


def telling(rows: Binned) -> list[str]:
    """The columns whose bins tell most of the error, each beyond what so many bins tell by chance; in the order of the rows."""
    found = {name: _told(codes, rows.bins[name], rows.errors) for name, codes in rows.codes.items()}
    best = sorted((name for name in found if found[name] > 0.0), key=lambda name: -found[name])[:MOST_COLUMNS]
    return [name for name in rows.codes if name in best]


def chosen(rows: Binned, blocks: Sequence[slice]) -> tuple[float, Floats]:
    """The penalty that foretells each block best from all others, and what is foretold of each row so."""
    foretold = {penalty: np.empty(len(rows.errors)) for penalty in PENALTIES}
    for block in blocks:
        others = np.ones(len(rows.errors), bool)
        others[block] = False
        equations = _equations(rows.at(others))
        for penalty, told in foretold.items():
            told[block] = expected(equations.solved(penalty), rows.at(block))
    best = min(PENALTIES, key=lambda penalty: float(((rows.errors - foretold[penalty]) ** 2).mean()))
    return best, foretold[best]


def _told(codes: Codes, bins: int, errors: Floats) -> float:
    """The share of the variance of the errors between the bins of a column, less what chance seldom makes it more than (the mean
    and two standard deviations of χ²).
    """
    counts = np.bincount(codes, minlength=bins)
    totals = np.bincount(codes, errors - errors.mean(), bins)
    between = float((totals**2 / np.maximum(counts, 1)).sum())
    within = max(float(((errors - errors.mean()) ** 2).sum()), np.finfo(np.float64).tiny)
    freedom = max(int(np.count_nonzero(counts)) - 1, 0)
    return between / within - (freedom + 2.0 * math.sqrt(2.0 * freedom)) / len(errors)
