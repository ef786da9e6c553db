import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from monitor_stream.client.frame import Columns, Row

TABLE = {
    "id": ["a", "b", "c"],
    "answer": [1.0, math.nan, 3.0],
    "truth": [1.0, 2.0, None],
    "carrier": ["UA", "AA", None],
    "hour": [5, 6, 7],
    "at": [1e9, 1e9 + 1, 1e9 + 2],
}

frames = pytest.mark.parametrize(
    "frame", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"]
)


def columns(frame: Any, **given: Any) -> Columns:
    nothing = dict.fromkeys(
        (
            "prediction",
            "score",
            "label",
            "prediction_id",
            "timestamp",
            "label_timestamp",
            "latency_seconds",
            "interval",
        )
    )
    return Columns(frame, **{**nothing, "scores": {}, "features": (), "segments": (), **given})


@frames
def test_every_kind_of_table_gives_the_same_rows(frame: Callable[[Any], Any]) -> None:
    """Cells come out as plain values, missing ones as None; what was not named is None as well."""
    rows = list(
        columns(
            frame(TABLE), prediction="answer", label="truth", prediction_id="id", label_timestamp="at",
            features=["hour"], segments=["carrier"], scores={"late": "hour"},
        ).rows()
    )  # fmt: skip
    assert [(row.id, row.label, row.label_timestamp) for row in rows] == [
        ("a", 1.0, 1e9),
        ("b", 2.0, 1e9 + 1),
        ("c", None, 1e9 + 2),
    ]
    assert rows[0].fields == {
        "prediction": 1.0,
        "score": None,
        "timestamp": None,
        "latency_seconds": None,
        "scores": {"late": 5},
        "features": {"hour": 5},
        "segments": {"carrier": "UA"},
        "error": None,
        "attributions": None,
        "interval": None,
    }
    assert rows[1].fields["prediction"] is None


@frames
def test_a_column_that_is_not_there_is_named(frame: Callable[[Any], Any]) -> None:
    """The error lists the columns there are."""
    with pytest.raises(
        ValueError, match="no column 'anwser'; there are id, answer, truth, carrier, hour, at"
    ):
        list(columns(frame(TABLE), prediction="anwser").rows())


def test_a_missing_answer_is_a_failed_prediction() -> None:
    """Where a prediction was promised and there is none, the event says so."""
    row = Row("1", None, None, {"prediction": None, "score": None, "scores": None, "error": None})
    assert row.prediction()["error"] == "the prediction is missing"


def test_a_table_without_meaning_is_refused() -> None:
    """Something must be a prediction, or both a label and an id."""
    with pytest.raises(ValueError, match="name the column of the prediction or score"):
        columns(pd.DataFrame(TABLE), label="truth")


def test_labels_of_the_past_need_a_time() -> None:
    """Labels of old predictions that would be sent as of now could come after the horizon."""
    with pytest.raises(ValueError, match="label_timestamp as well"):
        columns(pd.DataFrame(TABLE), prediction="answer", label="truth", timestamp="at")


@frames
def test_two_columns_make_an_interval(frame: Callable[[Any], Any]) -> None:
    """Both ends come as one field; what is missing of them is for the event to say."""
    rows = columns(frame(TABLE), prediction="answer", interval=("hour", "answer")).rows()
    found = [row.fields["interval"] for row in rows]
    assert found[0] == (5, 1.0)
    assert found[1][0] == 6
    assert found[2] == (7, 3.0)
