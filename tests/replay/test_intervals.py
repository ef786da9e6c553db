"""Intervals in two columns of a table."""

from __future__ import annotations

import math

import msgspec
import pyarrow as pa

from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.events.wire import Prediction
from monitor_stream.replay import replay
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.order import merge
from monitor_stream.replay.table import events

SPEC = ModelSpec(model="m", version="1", task="regression", window_seconds=600.0)
TABLE = pa.table(
    {
        "timestamp": [1.7e9] * 4,
        "prediction": [1.0, 2.0, 3.0, 4.0],
        "interval_low": [0.5, 1.5, None, -math.inf],
        "top": [1.5, 2.5, 3.5, 5.0],
        "label": [1.0, 3.0, 3.0, 4.0],
    }
)


def test_two_columns_are_the_interval_of_an_event() -> None:
    """A row without one of the ends has no interval; coverage is that of the others."""
    roles = Columns.find(SPEC, TABLE.column_names, {"interval_high": "top"})
    predictions, labels = events(TABLE, SPEC, roles)
    sent = [msgspec.json.decode(value.as_py(), type=Prediction).interval for value in predictions.values]
    assert sent == [(0.5, 1.5), (1.5, 2.5), None, None]
    (window,) = replay(merge([("predictions", predictions)], [("labels", labels)]), Specs([SPEC])).windows
    assert window.metrics.values["coverage"] == 0.5
