"""Classes within sensitive groups: the tables `group_classes` and `group_confusion`."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor_stream.events.delta import Ints
from monitor_stream.events.tables import GROUP_CLASSES, TableName
from monitor_stream.observe.columns import Array
from monitor_stream.observe.sums import Rows, Windows

#: Codes that each sensitive group has in each table.
CODES: Final[dict[TableName, int]] = {
    "group_classes": GROUP_CLASSES + 1,
    "group_confusion": (GROUP_CLASSES + 1) ** 2,
}


def count_within(table: TableName, rows: Rows, windows: Windows, sensitive: Array, cells: Ints) -> None:
    """Count events by the codes they have in each group: `sensitive` has a code for each event and sensitive name."""
    for codes in sensitive.T:
        rows.add_each(windows, codes.astype(np.int64) * CODES[table] + cells)
