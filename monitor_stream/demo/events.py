"""The flights as events: a prediction when a flight is to depart, a label when it lands."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.demo.model import FEATURES, LateModel, training
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import DAY, HOUR, ModelSpec
from monitor_stream.profile import profile
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.table import Timed, events

MODEL, VERSION = "flight-late", "1"
HORIZON_SECONDS = 48 * HOUR

_COLUMNS = Columns(
    prediction_id="id",
    timestamp="departure",
    prediction="prediction",
    score="score",
    label="late",
    label_timestamp="landing",
    latency_seconds="latency_seconds",
    features={name: name for name in FEATURES},
)


class Keyed(NamedTuple):
    """Events of one topic in the order of event time: when, under which key, and their JSON."""

    times: Floats
    ids: list[str]
    values: list[bytes]


class Stream(NamedTuple):
    """The events of both topics, and the local month of each hour (Unix seconds) that a flight departs in."""

    predictions: Keyed
    labels: Keyed
    months: dict[int, int]


def describe(flights: Any, model: LateModel) -> ModelSpec:
    """The spec of the model, with its reference from the training rows, each scored by a model that had not seen it."""
    rows = flights.filter(training(flights))
    rows = _answered(rows, model.scored_unseen(rows), model.threshold)
    return profile(
        rows.select([*FEATURES, "departure", "prediction", "score", "late"]),
        model=MODEL,
        version=VERSION,
        task="binary",
        prediction="prediction",
        score="score",
        label="late",
        time="departure",
        segments=("carrier", "origin"),
        sensitive=("origin",),  # are those who leave from one airport promised more than the others?
        threshold=model.threshold,
        window_seconds=HOUR,
        horizon_seconds=HORIZON_SECONDS,
        staleness_seconds=12 * HOUR,  # hardly a flight departs at night
        objective=0.65,
        owner="flight-operations",
        tier="demo",
        created=float(pc.max(rows["departure"]).as_py()),
    )


def stream(flights: Any, model: LateModel, spec: ModelSpec, *, days: int | None = None) -> Stream:
    """All events of the flights that are no training rows, or of the first so many days of them."""
    rows = flights.filter(pc.invert(training(flights)))
    if days is not None:
        end = float(rows["departure"][0].as_py()) + days * DAY
        rows = rows.filter(pc.less(rows["departure"], end))
    predictions, labels = events(_scored(rows, model), spec, _COLUMNS)
    arrived = rows.filter(pc.is_valid(rows["late"]))
    return Stream(_keyed(predictions, rows["id"]), _keyed(labels, arrived["id"]), _months(rows))


def _keyed(events: Timed, ids: Any) -> Keyed:
    order = np.argsort(events.times, kind="stable")
    rows = pa.array(order)
    return Keyed(events.times[order], ids.take(rows).to_pylist(), events.values.take(rows).to_pylist())


def _months(rows: Any) -> dict[int, int]:
    hours = np.asarray(rows["departure"]) // int(HOUR) * int(HOUR)
    hours, first = np.unique(hours, return_index=True)
    return dict(zip(hours.tolist(), np.asarray(rows["month"])[first].tolist(), strict=True))


def _scored(rows: Any, model: LateModel) -> Any:
    """The rows with the model's answers, made a day at a time; each answer took as long as its batch."""
    scores, latencies = [], []
    days = np.asarray(rows["departure"]) // int(DAY)
    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(days)) + 1):
        began = time.perf_counter()
        scores.append(model.scores(rows.slice(int(part[0]), len(part))))
        latencies.append(np.full(len(part), round(time.perf_counter() - began, 6)))
    answered = _answered(rows, np.concatenate(scores), model.threshold)
    return answered.append_column("latency_seconds", pa.array(np.concatenate(latencies)))


def _answered(rows: Any, score: Floats, threshold: float) -> Any:
    return rows.append_column("score", pa.array(score)).append_column(
        "prediction", pa.array(score >= threshold)
    )
