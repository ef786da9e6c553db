"""NannyML's synthetic car loans: an abrupt change of some features at a known row, nothing in the others."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from loadtest.evaluation.archive import member
from loadtest.evaluation.document import Section, Table
from monitor_stream.events.results import ColumnDrift, DriftSpan, Finding
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.profile import profile
from monitor_stream.replay import Replay, replay
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.order import merge
from monitor_stream.replay.table import events

_PACKAGE: Final = "nannyml==0.13.1"
_SHA256: Final = "cf5f4a33489834ae6773cb1baa33a0f98c0a3ee6ed9b43049478b25ce22fe869"
_FOLDER: Final = "nannyml/datasets/data/synthetic_car_loan_"

#: Rows of a window, and the time between two rows.
ROWS: Final = 5_000
STEP_SECONDS: Final = 523.152
SPAN_SECONDS: Final = ROWS * STEP_SECONDS
#: Windows of each half of the analysed rows: the change comes with the first window of the second half.
HALF: Final = 5

FEATURES: Final = (
    "car_value",
    "salary_range",
    "debt_to_income_ratio",
    "loan_length",
    "repaid_loan_on_prev_car",
    "size_of_downpayment",
    "driver_tenure",
)
#: What the makers of the data moved at row 25,000 (documentation of NannyML; the shares confirm it).
MOVED: Final = frozenset({"car_value", "salary_range", "loan_length", "repaid_loan_on_prev_car", "__score__"})
STAYED: Final = frozenset(FEATURES) - MOVED


class Loans(NamedTuple):
    """The reference rows, and the analysed rows with their labels."""

    reference: Any
    analysed: Any


@cache
def load(twin: str = "") -> Loans:
    """The tables; `twin` is ``"dq_"`` for the one with damaged values.

    Event times are moved by a constant, so that windows of 5,000 rows begin with the first analysed row; `event_time` is
    in Unix seconds.
    """
    reference, analysed = _read(f"{twin}reference"), _read(f"{twin}analysis")
    truth = _read("analysis_target")
    analysed = analysed.append_column("repaid", pc.cast(truth["repaid"], pa.float64()))
    if truth["id"] != analysed["id"]:
        raise OSError("the labels are not in the order of the rows")
    # Row 50,000 begins a window: row 0 begins one ten windows before.
    begin = np.ceil(1.5e9 / SPAN_SECONDS) * SPAN_SECONDS
    first = float(reference["id"][0].as_py())
    return Loans(*(_timed(rows, begin, first) for rows in (reference, analysed)))


def describe(loans: Loans, **more: Any) -> ModelSpec:
    """The spec of the model, from the reference rows."""
    return profile(
        loans.reference,
        model="car-loan",
        version="1",
        task="binary",
        prediction="y_pred",
        score="y_pred_proba",
        label="repaid",
        time="event_time",
        features=FEATURES,
        window_seconds=SPAN_SECONDS,
        horizon_seconds=SPAN_SECONDS,
        created=1.0,
        drift_span_seconds=SPAN_SECONDS,
        **more,
    )


@cache
def defaults(twin: str = "") -> Replay:
    """What the product finds at its defaults."""
    loans = load(twin)
    return judge(loans, describe(loans))


def judge(loans: Loans, spec: ModelSpec) -> Replay:
    """What the product finds in the analysed rows."""
    columns = Columns(
        timestamp="event_time",
        prediction_id="id",
        prediction="y_pred",
        score="y_pred_proba",
        label="repaid",
        features={name: name for name in FEATURES},
    )
    predictions, labels = events(loans.analysed, spec, columns)
    return replay(merge([("predictions", predictions)], [("labels", labels)]), Specs([spec]))


def section() -> Section:
    """The part of the page."""
    loans, found = load(), defaults()
    part = Section("3. Car loans: features that moved, and features that did not")
    part.add(
        f"NannyML's synthetic car loans: {len(loans.reference):,} reference rows, {len(loans.analysed):,} analysed in windows of "
        f"{ROWS:,}. With window {HALF} {', '.join(sorted(f'`{name}`' for name in MOVED))} change at once; "
        f"{', '.join(sorted(f'`{name}`' for name in STAYED))} do not. Defaults throughout; the method of each column is the one "
        "the product chose. A cell has the value, bold where it counts as drifted.",
        _values(found.drift),
        _verdict(found.drift),
    )
    part.add(*_damaged())
    return part


def _values(spans: list[DriftSpan]) -> Table:
    names = [*FEATURES, "__score__", "__prediction__"]
    rows = []
    for name in names:
        columns = [column for span in spans for column in span.columns if column.column == name]
        rows.append([name, columns[0].method, *map(_shown, columns), f"{columns[-1].threshold or 0:.3g}"])
    return Table(["column", "method", *map(str, range(len(spans))), "threshold"], rows)


def _shown(column: ColumnDrift) -> str:
    if column.value is None:
        return column.not_computable
    return f"**{column.value:.3f}**" if column.drifted else f"{column.value:.3f}"


def _verdict(spans: list[DriftSpan]) -> str:
    first = {column.column for column in spans[HALF].columns if column.drifted}
    false = [
        (at, column.column)
        for at, span in enumerate(spans)
        for column in span.columns
        if column.drifted and (column.column in STAYED or (at < HALF and column.column in MOVED))
    ]
    stayed = len(STAYED) * len(spans)
    calm = len(MOVED & set(FEATURES)) * HALF
    return (
        f"Of the {len(MOVED)} columns that moved, {len(first & MOVED)} are found in the first window after the change. False alarms: "
        f"{len(false)} in {stayed + calm} feature-windows without a change"
        + (f" ({', '.join(f'{name} in window {at}' for at, name in false)})." if false else ".")
    )


def _damaged() -> Iterator[str | Table]:
    found = defaults("dq_")
    yield (
        "**The damaged twin**: from window 5 on nulls in `salary_range` and `driver_tenure` rise from 10 % to 22 %, and "
        "`size_of_downpayment` has the value `50%`, which the reference never has, twice as often as before. Incidents of signal "
        "`quality`, with their evidence:"
    )
    rows = [
        [
            window(finding),
            finding.column,
            finding.check,
            _number(finding.value),
            _number(finding.expected),
            finding.detail,
        ]
        for incident in found.incidents
        for finding in incident.evidence
        if finding.signal == "quality"
    ]
    yield Table(
        ["from window", "feature", "check", "share", "usual", "said"],
        sorted(rows, key=lambda row: (row[0], row[1])),
    )


def window(finding: Finding) -> int:
    """The window with which a check began to fire."""
    begin = np.ceil(1.5e9 / SPAN_SECONDS) * SPAN_SECONDS
    return int((finding.since or finding.start).timestamp() // SPAN_SECONDS - begin // SPAN_SECONDS) - 10


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _timed(rows: Any, begin: float, first: float) -> Any:
    number = np.asarray(rows["id"], np.float64) - first
    return rows.append_column("event_time", pa.array(begin + (number + 0.5) * STEP_SECONDS))


def _read(name: str) -> Any:
    data = member(_PACKAGE, _SHA256, f"{_FOLDER}{name}.csv")
    return pyarrow.csv.read_csv(
        io.BytesIO(data), convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    )
