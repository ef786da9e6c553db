"""Sums of groups, by the names of their columns or of what is within the group."""

from __future__ import annotations

from collections.abc import Sequence

from monitor_stream.events.tables import TableName, split_grouped
from monitor_stream.judge.sums import Sums


def named(sums: Sums, table: TableName, group: str, columns: Sequence[str]) -> dict[str, float]:
    """The sums of a group by column; zeros where it has none."""
    row = sums.row(table, group)
    return dict.fromkeys(columns, 0.0) if row is None else dict(zip(columns, row.tolist(), strict=True))


def within(sums: Sums, table: TableName) -> dict[str, dict[str, float]]:
    """Counts by group and what is within it.

    >>> import numpy as np
    >>> from monitor_stream.events.tables import grouped
    >>> from monitor_stream.judge.sums import Rows
    >>> sums = Sums()
    >>> groups = [grouped("sex=f", "cat"), grouped("sex=f", "dog")]
    >>> sums.add("group_classes", Rows(groups, np.array([[3.0], [1.0]])))
    >>> within(sums, "group_classes")
    {'sex=f': {'cat': 3.0, 'dog': 1.0}}
    """
    found: dict[str, dict[str, float]] = {}
    block = sums.tables.get(table)
    for group, row in block or ():
        outer, rest = split_grouped(group)
        found.setdefault(outer, {})[rest] = float(row[0])
    return found
