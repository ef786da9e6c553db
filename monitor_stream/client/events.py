"""Events made of what a service hands over, checked early: what Kafka takes, the monitor can read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from monitor_stream.client.identifier import new_prediction_id
from monitor_stream.client.values import features as read_features
from monitor_stream.client.values import identifier, is_finite, is_missing, name, probability, scalar, seconds
from monitor_stream.client.values import interval as read_interval
from monitor_stream.client.values import segments as read_segments
from monitor_stream.events.wire import Label, Prediction

_LONGEST_ERROR: Final = 200


def prediction_event(
    *,
    model: str,
    version: str,
    prediction_id: Any,
    timestamp: Any,
    prediction: Any,
    score: Any,
    scores: Mapping[str, Any] | None,
    features: Mapping[str, Any] | None,
    segments: Mapping[str, Any] | None,
    latency_seconds: Any,
    error: str | None,
    attributions: Mapping[str, Any] | None,
    interval: Any,
) -> tuple[Prediction, str]:
    """A prediction and its id, made if there is none. See `MonitorClient.log_prediction` for what is refused."""
    key = new_prediction_id() if prediction_id is None else identifier(prediction_id)
    answer = scalar(prediction, "prediction")
    if answer is not None and not is_finite(answer):
        answer, error = None, error or "the prediction is not a finite number"
    likely = None if score is None else probability(score, "score")
    if likely is None and score is not None:
        error = error or "the score is not a finite number"
    if answer is None and likely is None and scores is None and error is None:
        raise ValueError(
            "a prediction needs a prediction, a score, scores, or an error that says why there is none"
        )
    event = Prediction(
        model=name(model, "model"),
        version=name(version, "version"),
        prediction_id=key,
        timestamp=None if timestamp is None else seconds(timestamp, "timestamp"),
        prediction=answer,
        score=likely,
        scores=None if scores is None else _probabilities(scores),
        features=None if features is None else read_features(features),
        segments=None if segments is None else read_segments(segments),
        latency_seconds=None if latency_seconds is None else _duration(latency_seconds),
        error=None if error is None else str(error)[:_LONGEST_ERROR],
        attributions=None if attributions is None else _numbers(attributions),
        interval=None if interval is None else read_interval(interval),
    )
    return event, key


def label_event(*, model: str, prediction_id: Any, label: Any, timestamp: Any) -> Label:
    """A label. See `MonitorClient.log_label` for what is refused."""
    truth = scalar(label, "label")
    if truth is None or not is_finite(truth):
        raise ValueError(f"label is {label}; a label is known, or not sent")
    return Label(
        model=name(model, "model"),
        prediction_id=identifier(prediction_id),
        label=truth,
        timestamp=None if timestamp is None else seconds(timestamp, "timestamp"),
    )


def _probabilities(scores: Mapping[str, Any]) -> dict[str, float]:
    """Those that are numbers; a class without a probability says nothing."""
    found = {name(key, "class"): probability(value, f"score of {key!r}") for key, value in scores.items()}
    return {key: value for key, value in found.items() if value is not None}


def _numbers(attributions: Mapping[str, Any]) -> dict[str, float]:
    found = {
        name(key, "feature name"): scalar(value, f"attribution {key!r}")
        for key, value in attributions.items()
    }
    numbers: dict[str, float] = {}
    for key, value in found.items():
        if isinstance(value, str):
            raise TypeError(f"attribution {key!r} is a text; it must be a number")
        if value is not None and is_finite(value):
            numbers[key] = float(value)
    return numbers


def _duration(value: Any) -> float | None:
    if is_missing(value):
        return None
    number = scalar(value, "latency_seconds")
    if isinstance(number, str | bool) or number is None:
        raise TypeError(f"latency_seconds is {value!r}; it must be a number")
    if not 0.0 <= number < math.inf:
        raise ValueError(f"latency_seconds is {number}; it must be zero or more")
    return float(number)
