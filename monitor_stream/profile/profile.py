"""A model's spec from reference rows."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import InputError, SpecError
from monitor_stream.events.spec import (
    MAX_CLASSES,
    Feature,
    Kind,
    ModelSpec,
    NumericReference,
    Reference,
    Task,
)
from monitor_stream.profile.baseline import measure
from monitor_stream.profile.frames import arrow_table
from monitor_stream.profile.kinds import kind_of
from monitor_stream.profile.reference import category_text, reference_of
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.encode import seconds

#: Classes that mean yes where nobody says which one does.
_YES = ("true", "1", "yes")


def profile(
    table: Any,
    *,
    model: str,
    version: str,
    task: Task,
    prediction: str | None = None,
    score: str | None = None,
    scores: Mapping[str, str] | None = None,
    label: str | None = None,
    time: str | None = None,
    features: Sequence[str] | None = None,
    segments: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    **limits: Any,
) -> ModelSpec:
    """Describe a model by the rows it was trained on, or better, by rows it was tested on.

    Parameters
    ----------
    table
        A pyarrow table, a pandas or a polars frame: one row a prediction.
    model, version, task
        As in `ModelSpec`.
    prediction, score, scores, label
        The columns of the model's answers and of the truth; `scores` is class → column. With answers and truth the
        baseline metrics and the scale of the error are measured, by the same code that watches the model later.
    time
        The column of event times; it orders the reference windows. Without it the rows' order does.
    features
        The columns that are the model's input; without it all that have no other role and are numbers, booleans or
        categories, segments included.
    segments, sensitive
        Groups that performance is told for.
    limits
        Any other field of `ModelSpec`, such as ``window_seconds=3600``. `positive` and `classes` are read from the
        labels where they are not given.

    Examples
    --------
    >>> rows = {"age": [30.5, 41.5, 52.5], "city": ["a", "b", "a"]}
    >>> spec = profile(rows, model="m", version="1", task="regression", window_seconds=3600.0)
    >>> [(feature.name, feature.kind) for feature in spec.features]
    [('age', 'numeric'), ('city', 'categorical')]

    Raises `InputError` for a table that cannot be read or lacks a column, `SpecError` for what no spec can hold.
    """
    rows = arrow_table(table)
    named = [
        prediction,
        score,
        *(scores or {}).values(),
        label,
        time,
        *(features or ()),
        *segments,
        *sensitive,
    ]
    _check_columns(rows, [name for name in named if name is not None])
    if time is not None:
        rows = rows.take(pa.array(np.argsort(seconds(rows[time], time), kind="stable")))
    roles = {prediction, score, *(scores or {}).values(), label, time} - {None}
    inputs = (
        features if features is not None else [n for n in rows.column_names if n not in {*roles, *sensitive}]
    )
    answers: Kind = "numeric" if task == "regression" else "categorical"
    spec = _spec(
        {
            "model": model,
            "version": version,
            "task": task,
            **_classes(task, rows, label or prediction),
            "features": _features(rows, inputs, required=features is not None),
            "segments": list(segments),
            "sensitive": list(sensitive),
            "prediction": _reference(rows, prediction, answers),
            "score": _reference(rows, score, "numeric"),
            "label": _reference(rows, label, answers),
            "created": round(clock.time(), 3),
            **limits,
        }
    )
    if label is None or not (prediction or score or scores):
        return spec
    columns = Columns(
        timestamp="", prediction=prediction, score=score, scores=dict(scores or {}), label=label
    )
    baseline, error_scale = measure(rows, spec, columns)
    return msgspec.structs.replace(spec, baseline=baseline, error_scale=error_scale)


def _check_columns(rows: Any, named: Iterable[str]) -> None:
    if not len(rows):
        raise InputError("The table has no rows: there is nothing to make a reference of")
    for name in named:
        if name not in rows.column_names:
            raise InputError(
                f"The table has no column {name!r}; its columns are {', '.join(rows.column_names)}"
            )


def _features(rows: Any, names: Sequence[str], *, required: bool) -> list[Feature]:
    found = []
    for name in names:
        kind = kind_of(rows[name])
        if kind is None:
            if required:
                raise InputError(
                    f"The column {name} ({rows[name].type}) is no feature: it names its rows, or is a time"
                )
            continue
        if rows[name].null_count < len(rows):
            found.append(_feature(rows, name, kind))
    return found


def _feature(rows: Any, name: str, kind: Kind) -> Feature:
    reference = reference_of(name, rows[name], kind)
    limits = {}
    if isinstance(reference, NumericReference):
        limits = {"minimum": reference.minimum, "maximum": reference.maximum}
    return Feature(name=name, kind=kind, reference=reference, **limits)


def _reference(rows: Any, name: str | None, kind: Kind) -> Reference | None:
    return None if name is None else reference_of(name, rows[name], kind)


def _classes(task: Task, rows: Any, column: str | None) -> dict[str, Any]:
    """The classes of a classification, and the positive one of a binary."""
    if task == "regression" or column is None:
        return {}
    found = pc.value_counts(category_text(rows[column]).drop_null()).to_pylist()
    classes = [entry["values"] for entry in sorted(found, key=lambda entry: -entry["counts"])]
    if task == "multiclass":
        return {"classes": sorted(classes[:MAX_CLASSES])}
    yes = [name for name in classes if name.lower() in _YES]
    return {"positive": yes[0]} if yes else {}


def _spec(fields: Mapping[str, Any]) -> ModelSpec:
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return msgspec.convert(msgspec.to_builtins(given), ModelSpec)
    except (msgspec.ValidationError, TypeError) as error:
        raise SpecError(f"No spec can be made of this: {error}") from error
