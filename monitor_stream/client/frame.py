"""The columns of a pandas or polars frame or a pyarrow table, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from monitor_stream.client.values import is_missing


@dataclass(frozen=True)
class Row:
    """One row; None is what its table does not have, and what is missing in it."""

    id: Any
    label: Any
    label_timestamp: Any
    fields: dict[str, Any]

    def prediction(self) -> dict[str, Any]:
        """What `prediction_event` takes, but for model, version and id."""
        if (
            all(is_missing(self.fields[name]) for name in ("prediction", "score"))
            and not self.fields["scores"]
        ):
            return {**self.fields, "prediction": None, "score": None, "error": "the prediction is missing"}
        return self.fields


class Columns:
    """Which column is what. Raises `ValueError` where that makes no sense, or a column is not there."""

    def __init__(
        self,
        frame: Any,
        *,
        prediction: str | None,
        score: str | None,
        scores: Mapping[str, str],
        label: str | None,
        prediction_id: str | None,
        timestamp: str | None,
        label_timestamp: str | None,
        features: Sequence[str],
        segments: Sequence[str],
        latency_seconds: str | None,
        interval: tuple[str, str] | None,
    ) -> None:
        self.has_predictions = bool(prediction or score or scores)
        if not self.has_predictions and not (label and prediction_id):
            raise ValueError(
                "name the column of the prediction or score, or those of label and prediction_id"
            )
        if label and timestamp and not label_timestamp:
            raise ValueError(
                "name the column label_timestamp as well: when was the label known? A label that is sent now for a "
                "prediction of the past may come after the model's horizon (the same column as timestamp will do)"
            )
        self._names = [str(name) for name in getattr(frame, "column_names", frame.columns)]
        self._frame = frame
        self._single = {
            "id": prediction_id,
            "label": label,
            "label_timestamp": label_timestamp,
            "prediction": prediction,
            "score": score,
            "timestamp": timestamp,
            "latency_seconds": latency_seconds,
        }
        self._interval = dict(zip(("low", "high"), interval, strict=True)) if interval else {}
        self._scores, self._features, self._segments = scores, list(features), list(segments)

    def rows(self) -> Iterator[Row]:
        """All rows, in order."""
        single = {name: self._column(column) for name, column in self._single.items()}
        groups = [
            self._rows_of(self._scores),
            self._rows_of({name: name for name in self._features}),
            self._rows_of({name: name for name in self._segments}),
            self._rows_of(self._interval),
        ]
        for *cells, scores, features, segments, ends in zip(*single.values(), *groups, strict=False):
            row = {name: None if is_missing(cell) else cell for name, cell in zip(single, cells, strict=True)}
            identifier, label, known = row.pop("id"), row.pop("label"), row.pop("label_timestamp")
            interval = None if ends is None else (ends["low"], ends["high"])
            fields = {
                **row,
                "scores": scores,
                "features": features,
                "segments": segments,
                "interval": interval,
            }
            yield Row(identifier, label, known, {**fields, "error": None, "attributions": None})

    def _rows_of(self, columns: Mapping[str, str]) -> Iterator[dict[str, Any] | None]:
        if not columns:
            return repeat(None)
        names = list(columns)
        cells = zip(*(self._column(column) for column in columns.values()), strict=True)
        return (dict(zip(names, row, strict=True)) for row in cells)

    def _column(self, name: str | None) -> Iterator[Any]:
        if name is None:
            return repeat(None)
        if name not in self._names:
            raise ValueError(f"there is no column {name!r}; there are {', '.join(self._names)}")
        column = self._frame[name]
        for method in ("tolist", "to_list", "to_pylist"):  # pandas, polars, pyarrow
            if hasattr(column, method):
                return iter(getattr(column, method)())
        raise TypeError(f"{type(self._frame).__name__} is no table this can read: pandas, polars or pyarrow")
