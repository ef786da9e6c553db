"""Tables of sums against dictionaries of numbers."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.events.spec import OTHER
from monitor_stream.judge import sums
from monitor_stream.judge.sums import Block, Rows, by_window, merged

COLUMNS = 3
ROW = st.tuples(
    st.integers(0, 20).map(lambda at: at * 300),
    st.sampled_from(["", "a=1", "a=2", "b=1", "ä"]),
    st.lists(st.integers(0, 1000), min_size=COLUMNS, max_size=COLUMNS),
)
TABLE = st.lists(ROW, max_size=30)


def arrays(rows: list[tuple[int, str, list[int]]]) -> tuple[np.ndarray, Rows]:
    windows = np.array([window for window, _, _ in rows], np.int64)
    return windows, Rows(
        [group for _, group, _ in rows], np.array([s for _, _, s in rows], np.float64).reshape(-1, COLUMNS)
    )


def added(rows: list[tuple[int, str, list[int]]], seconds: int) -> dict[tuple[int, str], list[int]]:
    known: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * COLUMNS)
    for window, group, values in rows:
        at = (window - window % seconds, group)
        known[at] = [a + b for a, b in zip(known[at], values, strict=True)]
    return dict(known)


@given(st.lists(TABLE, max_size=5))
def test_a_block_adds_rows_by_group(tables: list[list[tuple[int, str, list[int]]]]) -> None:
    """Whatever comes in whatever portions, a group twice in one of them too, and through the store."""
    block = Block(COLUMNS)
    for table in tables:
        _, rows = arrays(table)
        block.add(rows.groups, rows.sums)
        block = Block.unpack(block.pack())
    expected = added([(0, group, values) for table in tables for _, group, values in table], 300)
    assert {(0, group): row.tolist() for group, row in block} == expected


@given(TABLE, st.sampled_from([300, 600, 3600]))
def test_rows_are_parted_by_window(table: list[tuple[int, str, list[int]]], seconds: int) -> None:
    """In any order they come, each window's rows together, the earliest window first, none lost."""
    windows, rows = arrays(table)
    found: dict[tuple[int, str], list[float]] = {}
    starts = []
    for start, part in merged(windows, rows, seconds):
        starts.append(start)
        found |= {(start, group): row.tolist() for group, row in zip(part.groups, part.sums, strict=True)}
    assert found == added(table, seconds)
    assert starts == sorted(set(starts))
    parted = [(start, list(part.groups)) for start, part in by_window(windows, rows)]
    assert sum(len(groups) for _, groups in parted) == len(table)


def test_groups_beyond_the_bound_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum over the groups stays the whole."""
    monkeypatch.setattr(sums, "MAX_GROUPS", 2)
    block = Block(1)
    block.add(["", "a=1", "a=2", "a=3", "x"], np.ones((5, 1)))
    block.add(["", "a=1", "a=2"], np.ones((3, 1)))
    assert {group: row[0] for group, row in block} == {"": 2.0, "a=1": 2.0, f"a={OTHER}": 3.0, OTHER: 1.0}
