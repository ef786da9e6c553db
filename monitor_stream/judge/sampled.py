"""Sampled rows of a drift span, merged over sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import SAMPLE_ROWS, Floats, Sample, SampleColumn

Hashes = npt.NDArray[np.uint64]


class SampledRows(NamedTuple):
    """Rows by ascending hash; see `monitor_stream.events.delta.Sample` for what their columns are."""

    hashes: Hashes
    rows: Floats
    columns: Sequence[SampleColumn]

    @classmethod
    def of(cls, sample: Sample) -> SampledRows:
        """The rows that travelled."""
        return cls(*sample.unpack(), sample.columns)

    def packed(self, start: int) -> Sample:
        """The rows as they travel."""
        return Sample.pack(start, self.hashes, self.rows, list(self.columns))

    def first(self, count: int) -> SampledRows:
        """Those of the smallest hashes: a uniform sample of these."""
        return SampledRows(self.hashes[:count], self.rows[:count], self.columns)

    def merge(self, other: SampledRows) -> SampledRows:
        """Of both the rows of the smallest hashes, under the columns of both.

        >>> def sampled(hashes, values):
        ...     return SampledRows(np.array(hashes, np.uint64), np.array(values)[:, None], ())
        >>> sampled([3, 8], [1.0, 2.0]).merge(sampled([5], [7.0])).rows.tolist()
        [[1.0], [7.0], [2.0]]
        """
        hashes, rows, columns = together([self, other])
        order = np.argsort(hashes, kind="stable")
        if (np.diff(hashes[order]) == 0).any():
            # One id, twice: the rows decide, so that it does not matter which came first.
            order = np.lexsort((*rows.T[::-1], hashes))
            order = order[np.append(True, np.diff(hashes[order]) != 0)]
        order = order[:SAMPLE_ROWS]
        return SampledRows(hashes[order], rows[order], columns)


def together(parts: Sequence[SampledRows]) -> SampledRows:
    """All rows of at least one part, one part after the other, under the columns of all."""
    columns = parts[0].columns
    for part in parts[1:]:
        columns = columns if columns == part.columns else _union(columns, part.columns)
    if not columns:
        # Parts of another width are not of the same spec, whatever they say.
        parts = [part for part in parts if part.rows.shape[1] == parts[0].rows.shape[1]]
    return SampledRows(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([_under(columns, part) for part in parts]),
        columns,
    )


def _union(ones: Sequence[SampleColumn], others: Sequence[SampleColumn]) -> list[SampleColumn]:
    """The columns of both by name and kind, with the codes of both; sources learn in orders of their own."""
    found: dict[tuple[str, str], SampleColumn] = {}
    for column in (*ones, *others):
        known = found.setdefault((column.name, column.kind), column)
        if known.codes != column.codes:
            codes = sorted({*known.codes, *column.codes})
            found[column.name, column.kind] = SampleColumn(column.name, column.kind, codes)
    return [found[at] for at in sorted(found)]


def _under(columns: Sequence[SampleColumn], sampled: SampledRows) -> Floats:
    """The rows as they are under other columns: what they lack is missing."""
    if columns == sampled.columns:
        return sampled.rows
    place = {(column.name, column.kind): at for at, column in enumerate(columns)}
    moved = np.full((len(sampled.rows), len(columns) + 1), np.nan)
    moved[:, -1] = sampled.rows[:, -1]
    for values, column in zip(sampled.rows.T, sampled.columns, strict=False):
        at = place[column.name, column.kind]
        after = columns[at].codes
        moved[:, at] = values if column.codes == after else _recoded(values, column.codes, after)
    return moved


def _recoded(values: Floats, before: Sequence[str], after: Sequence[str]) -> Floats:
    place = {code: at for at, code in enumerate(after)}
    codes = np.array([*(place[code] for code in before), len(after)], np.float64)
    there = np.isfinite(values)
    recoded = np.full(len(values), np.nan)
    recoded[there] = codes[np.clip(values[there], 0, len(before)).astype(np.int64)]
    return recoded
