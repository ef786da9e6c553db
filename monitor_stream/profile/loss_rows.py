"""Rows of a regression by the bins of their columns: what the loss model is fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.spec import CategoricalReference, Reference
from monitor_stream.events.tables import PREDICTION
from monitor_stream.profile.cells import numbers
from monitor_stream.profile.loss_model import Binned, Codes
from monitor_stream.profile.sample import Hashes, Sample
from monitor_stream.profile.tally import Tally

#: Rows that are kept, chosen at random where there are more; and bins of rows in all.
_ROWS: Final = 100_000
_CELLS: Final = 5_000_000
_ERROR, _AT = "__error__", "__at__"


class Kept(NamedTuple):
    """Rows in the order of time (of the file, where nobody says it), and their times, NaN where nobody does."""

    rows: Binned
    times: Floats


class LossRows:
    """A sample of the rows that have an answer and a label, taken in the second reading.

    Parameters
    ----------
    tallies
        By column; what is in their bins is kept, a byte each.
    features
        The columns that are the model's input.
    prediction, label
        The columns of its answers and of the truth.
    """

    def __init__(
        self, tallies: Mapping[str, Tally], features: list[str], prediction: str, label: str
    ) -> None:
        self._columns = {name: name for name in features if name in tallies} | {PREDICTION: prediction}
        self._names = {name: tallies[name].names for name in self._columns.values()}
        self._prediction, self._label = prediction, label
        self._sample = Sample(min(_ROWS, _CELLS // len(self._columns)))

    def see(self, block: Any, bins: Mapping[str, Ints], at: Floats | None, rows: Hashes) -> None:
        """Take in a block of rows, their bins by column, their times, and their numbers in the file."""
        error = np.abs(
            numbers(block[self._prediction].combine_chunks()) - numbers(block[self._label].combine_chunks())
        )
        known = np.isfinite(error)
        columns = {key: bins[name].astype(np.uint8)[known] for key, name in self._columns.items()}
        times = np.full(len(error), np.nan) if at is None else at
        self._sample.add(pa.table(columns | {_ERROR: error[known], _AT: times[known]}), rows[known])

    def kept(self, references: Mapping[str, Reference | None], tallies: Mapping[str, Tally]) -> Kept:
        """The sample, with the bins as the references have them."""
        table = self._sample.rows()
        times = np.asarray(table[_AT], np.float64)
        order = np.argsort(times, kind="stable")
        codes: dict[str, Codes] = {}
        bins = {}
        for key, name in self._columns.items():
            found, names = references.get(name), tallies[name].names
            if found is None or (
                isinstance(found, CategoricalReference) and len(found.shares) != len(names or ())
            ):
                continue
            own = np.asarray(table[key])[order]
            codes[key] = own if names is None else _arranged(self._names[name] or [], names)[own]
            bins[key] = tallies[name].bins + 1
        return Kept(Binned(codes, bins, np.asarray(table[_ERROR], np.float64)[order]), times[order])


def _arranged(before: list[str], after: list[str]) -> Codes:
    """Of each place the categories had, the one they have; then those of the others, and of missing ones."""
    place = {name: at for at, name in enumerate(after)}
    found = [place.get(name, len(after)) for name in before]
    return np.array([*found, len(after), len(after) + 1], np.uint8)
