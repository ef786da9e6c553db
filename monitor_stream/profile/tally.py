"""The second reading: the values of each column by their bins, span by span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import Kind
from monitor_stream.observe.values import MAX_NUMBER
from monitor_stream.profile.cells import categories, followed
from monitor_stream.profile.spans import HOURS, hour_of_week


class Tally:
    """Counts of one column, exactly as OBSERVE will count its values.

    Parameters
    ----------
    slots
        How many groups of rows are told apart (see `Spans`).
    edges
        The inner edges of the bins of what is followed by a number.
    names
        The categories, in Arrow's text; all others are in one more bin.
    season
        Whether the hours of the week are told apart too.
    dimension
        Of a vector.
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        *,
        slots: int,
        edges: Floats,
        names: list[str] | None,
        season: bool = False,
        dimension: int = 0,
    ) -> None:
        self.name = name
        self.names = names
        self._kind = kind
        self._dimension = dimension
        self.edges = edges
        self._set = None if names is None else pa.array(names, pa.string())
        width = (len(edges) if names is None else len(names)) + 2
        #: Shape (slots, bins + 1): the last column counts cells without a value.
        self.counts = np.zeros((slots, width), np.int64)
        self._hours = np.zeros((HOURS + 1, width), np.int64) if season else None

    def see(self, column: Any, at: Floats | None, slots: Ints) -> Ints:
        """Take in a block: the cells, the times of the predictions, the slots of the rows. Returns the bin of each cell."""
        bins = self._of_categories(column) if self._set is not None else self._of_numbers(column, at)
        _count(self.counts, slots, bins)
        if self._hours is not None and at is not None:
            _count(self._hours, hour_of_week(at), bins)
        return bins

    def arrange(self, name_of: Callable[[str], str]) -> None:
        """Put the categories in the order of their names, which outlives JSON, and what never came to the others."""
        if self.names is None:
            return
        totals, names = self.totals, self.names
        order = sorted((i for i in range(len(names)) if totals[i]), key=lambda i: name_of(names[i]))
        rest = [i for i in range(len(names)) if not totals[i]] + [len(names)]
        self.names = [names[i] for i in order]
        self.counts = _arranged(self.counts, order, rest)
        self._hours = None if self._hours is None else _arranged(self._hours, order, rest)

    def _of_categories(self, column: Any) -> Ints:
        text = categories(column)
        found = pc.fill_null(pc.index_in(text, value_set=self._set), self.bins - 1)
        return np.where(np.asarray(text.is_valid()), np.asarray(found), self.bins).astype(np.int64)

    def _of_numbers(self, column: Any, at: Floats | None) -> Ints:
        numbers = followed(column, self._kind, at, self.name, self._dimension)
        known = np.abs(numbers) <= MAX_NUMBER
        return np.where(known, np.searchsorted(self.edges, numbers, side="left"), self.bins).astype(np.int64)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return self.counts.shape[1] - 1

    @property
    def totals(self) -> Ints:
        """Values in each bin, over all rows."""
        result: Ints = self.counts[:, : self.bins].sum(axis=0)
        return result

    @property
    def missing(self) -> int:
        """Cells without a value."""
        return int(self.counts[:, self.bins].sum())

    def of_runs(self, runs: list[tuple[int, int]]) -> Floats:
        """Values in each bin of runs of slots: shape ``(runs, bins)``."""
        held = [self.counts[begin:end, : self.bins].sum(axis=0) for begin, end in runs]
        return np.array(held, np.float64).reshape(len(runs), self.bins)

    @property
    def hours(self) -> Ints | None:
        """Values in each bin by hour of the week, shape ``(168, bins)``, where that was asked for."""
        return None if self._hours is None else self._hours[:-1, : self.bins]

    def missing_std(self) -> float:
        """How far the share of missing cells differs from span to span, beyond what sampling explains.

        The moment estimator of a variance component: DerSimonian and Laird, "Meta-analysis in clinical trials", 1986.
        """
        return spread(self.counts[:-1, self.bins], self.counts[:-1].sum(axis=1))


def _count(counts: Ints, slots: Ints, bins: Ints) -> None:
    counts += np.bincount(slots * counts.shape[1] + bins, minlength=counts.size).reshape(counts.shape)


def _arranged(counts: Ints, order: list[int], rest: list[int]) -> Ints:
    return np.column_stack([counts[:, order], counts[:, rest].sum(axis=1), counts[:, -1]])


def spread(hits: Ints, rows: Ints) -> float:
    """The standard deviation of a share between groups of rows, sampling apart; 0 for fewer than two groups.

    >>> spread(np.array([10, 10, 10]), np.array([100, 100, 100]))
    0.0
    >>> round(spread(np.array([0, 2000]), np.array([10_000, 10_000])), 3)
    0.141
    """
    hits, rows = hits[rows > 0], rows[rows > 0]
    total = float(rows.sum())
    if len(rows) < 2:
        return 0.0
    share = hits.sum() / total
    beyond = (rows * (hits / rows - share) ** 2).sum() - (len(rows) - 1) * share * (1.0 - share)
    return float(np.sqrt(max(beyond / (total - (rows * rows).sum() / total), 0.0)))
