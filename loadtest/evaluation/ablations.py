"""What each safeguard is worth: the same scores judged without it."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadtest.evaluation import bike, carloan, flights
from loadtest.evaluation.document import Section, Table
from monitor_stream.events.results import ColumnDrift, DriftSpan
from monitor_stream.judge.drift.budget import critical, level
from monitor_stream.replay import Replay

#: The cut-offs of the textbooks, whatever the sample: see docs/design/drift.md for their authors.
TEXTBOOK: Final = {
    "psi": 0.1,
    "js": 0.1,
    "wasserstein": 0.1,
    "hellinger": 0.1,
    "tvd": 0.1,
    "ks": 0.1,
    "chi2": 0.1,
    "kl": 0.1,
}
LEVEL: Final = 0.05


def section() -> Section:
    """The part of the page."""
    runs = {
        "car loans": carloan.defaults(),
        "car loans, damaged": carloan.defaults("dq_"),
        "bikes": bike.judge()[1],
        "flights": flights.judge().found,
    }
    part = Section("6. Without the safeguards")
    part.add(
        "The scores of parts 3 to 5, judged again with one safeguard taken away: columns in spans that count as drifted; for "
        "grouping, how many incidents there would be if every signal of every column opened its own.",
        Table(
            [
                "data",
                "columns × spans",
                "drifted",
                "textbook cut-offs, whatever n",
                f"p < {LEVEL:g} each, no budget",
                "without the floor",
                "incidents",
                "without grouping",
                "alarms of ADWIN and Page-Hinkley, unconfirmed",
            ],
            [[name, *_row(found)] for name, found in runs.items()],
        ),
    )
    return part


def _row(found: Replay) -> list[object]:
    columns = [column for span in found.drift for column in span.columns if column.value is not None]
    alarms = [found for found in found.detections if found.detector in {"adwin", "page_hinkley"}]
    return [
        len(columns),
        sum(column.drifted for column in columns),
        sum(_textbook(column) for column in columns),
        sum(column.p_value is not None and column.p_value < LEVEL for column in columns),
        sum(_beyond_chance(span) for span in found.drift),
        len(found.incidents),
        sum(len({(each.signal, each.column) for each in incident.evidence}) for incident in found.incidents),
        len(alarms),
    ]


def _textbook(column: ColumnDrift) -> bool:
    return column.value is not None and column.method is not None and column.value > TEXTBOOK[column.method]


def _beyond_chance(span: DriftSpan) -> int:
    """Columns that differ by more than chance, among so many, whether or not anybody cares."""
    p_values = [column.p_value for column in span.columns if column.p_value is not None]
    limits = critical(p_values, level(1.0, (span.end - span.start).total_seconds()))
    return int(np.count_nonzero(np.array(p_values) <= limits))
