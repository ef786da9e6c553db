"""Events from a table in which each row is a prediction, with its label where one is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import InputError
from monitor_stream.events.spec import ModelSpec
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.encode import constant, json_object, json_pair, json_string, json_text, seconds


class Timed(NamedTuple):
    """Events of one kind: when each happened (Unix seconds), and its JSON (an Arrow array of binary)."""

    times: npt.NDArray[np.float64]
    values: Any


def events(table: Any, spec: ModelSpec, columns: Columns, *, first_row: int = 0) -> tuple[Timed, Timed]:
    """The predictions of a table's rows, and the labels of those that have one.

    Parameters
    ----------
    table
        An Arrow table or record batch.
    first_row
        The number of its first row in the whole, for ids that are made up.

    Examples
    --------
    >>> table = pa.table({"timestamp": [0, 60], "prediction": [1.5, 2.0], "label": [1.0, None]})
    >>> spec = ModelSpec(model="m", version="1", task="regression")
    >>> predictions, labels = events(table, spec, Columns.find(spec, table.column_names))
    >>> predictions.values[0].as_py()
    b'{"model":"m","version":"1","prediction_id":"row-0","timestamp":0,"prediction":1.5}'
    >>> labels.values.to_pylist()
    [b'{"model":"m","prediction_id":"row-0","timestamp":0,"label":1}']
    """
    at = seconds(table[columns.timestamp], columns.timestamp)
    if np.isnan(at).any():
        row = first_row + int(np.flatnonzero(np.isnan(at))[0])
        raise InputError(f"Row {row} has no time in the column {columns.timestamp}")
    ids = _ids(table, columns, first_row)
    return _predictions(table, spec, columns, at, ids), _labels(table, spec, columns, at, ids)


def _ids(table: Any, columns: Columns, first_row: int) -> Any:
    if columns.prediction_id is not None:
        return json_string(table[columns.prediction_id])
    numbers = pa.array(np.arange(first_row, first_row + len(table)))
    return json_string(pc.binary_join_element_wise("row-", pc.cast(numbers, pa.string()), ""))


def _predictions(
    table: Any, spec: ModelSpec, columns: Columns, at: npt.NDArray[np.float64], ids: Any
) -> Timed:
    members = {
        "model": constant(spec.model, len(table)),
        "version": _versions(table, spec, columns),
        "prediction_id": ids,
        "timestamp": json_text(pa.array(at)),
    }
    for role in ("prediction", "score", "latency_seconds", "error"):
        if (column := getattr(columns, role)) is not None:
            members[role] = json_text(table[column])
    if columns.interval_low is not None and columns.interval_high is not None:
        members["interval"] = json_pair(table[columns.interval_low], table[columns.interval_high])
    for role, named in (
        ("scores", columns.scores),
        ("features", columns.features),
        ("segments", columns.segments),
    ):
        if named:
            members[role] = json_object({name: json_text(table[column]) for name, column in named.items()})
    return Timed(at, _binary(json_object(members, keep_null=False)))


def _versions(table: Any, spec: ModelSpec, columns: Columns) -> Any:
    if columns.version is None:
        return constant(spec.version, len(table))
    return json_string(table[columns.version])


def _labels(table: Any, spec: ModelSpec, columns: Columns, at: npt.NDArray[np.float64], ids: Any) -> Timed:
    if columns.label is None:
        return Timed(np.empty(0), pa.array([], pa.binary()))
    label = json_text(table[columns.label])
    known = np.asarray(pc.not_equal(label, "null"))
    if columns.label_timestamp is not None:
        at = seconds(table[columns.label_timestamp], columns.label_timestamp)
        # A label that has not come is no label yet.
        known = known & ~np.isnan(at)
    mask = pa.array(known)
    members = {
        "model": constant(spec.model, int(known.sum())),
        "prediction_id": pc.filter(ids, mask),
        "timestamp": json_text(pa.array(at[known])),
        "label": pc.filter(label, mask),
    }
    return Timed(at[known], _binary(json_object(members)))


def _binary(text: Any) -> Any:
    return pc.cast(text, pa.binary())
