"""The two events a service sends: a prediction when it answers, a label when the truth is known.

They travel as JSON in UTF-8. Times are RFC 3339 strings with an offset, or Unix seconds; without one, the
timestamp of the Kafka record counts. Unknown fields are counted and left out, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

#: A feature, segment or class as it stands in an event; a feature may be a vector too.
Value = float | bool | str | None
FeatureValue = float | bool | str | list[float] | None

#: Names end as Prometheus label values and as keys, so they have a bound.
Name = Annotated[str, Meta(min_length=1, max_length=200)]
PredictionId = Annotated[str, Meta(min_length=1, max_length=512)]
Timestamp = Annotated[datetime, Meta(tz=True)] | float
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]

#: The version of a prediction that names none.
UNVERSIONED = "0"


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One answer of a model.

    Parameters
    ----------
    model, version
        Which model answered; the version is free text.
    prediction_id
        Names the prediction, and its label later. Unique per model and version. Without one the prediction is
        counted, and never joined to a label.
    timestamp
        When the model answered (RFC 3339 with an offset, or Unix seconds).
    prediction
        A number (regression), a class (binary, multiclass); ``None`` only beside ``error`` or ``score``.
    score, scores
        The probability of the positive class; or that of each class.
    features
        The input, by name: numbers, booleans, strings (a timestamp in RFC 3339 among them), lists of numbers, or ``None``
        where a value is missing.
    segments
        Groups the prediction belongs to, such as ``{"country": "DE"}``.
    latency_seconds
        How long the answer took.
    error
        Why there is no answer, in a few words: the prediction failed.
    attributions
        What each feature contributed to the answer.
    interval
        The range in which the truth is expected, lower end first (regression); the spec says how often
        (`ModelSpec.interval_level`).

    Examples
    --------
    >>> import msgspec
    >>> event = Prediction(
    ...     model="flight-late", prediction_id="UA1545", timestamp=1362132900.0, prediction=False
    ... )
    >>> msgspec.json.encode(event).decode()
    '{"model":"flight-late","prediction_id":"UA1545","timestamp":1362132900.0,"prediction":false}'
    """

    model: Name
    version: Name = UNVERSIONED
    prediction_id: PredictionId | None = None
    timestamp: Timestamp | None = None
    prediction: Value = None
    score: Probability | None = None
    scores: dict[str, Probability] | None = None
    features: Mapping[str, FeatureValue] | None = None
    segments: dict[str, Value] | None = None
    latency_seconds: Annotated[float, Meta(ge=0.0)] | None = None
    error: Annotated[str, Meta(max_length=200)] | None = None
    attributions: dict[str, float] | None = None
    interval: tuple[float, float] | None = None


class Label(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The truth for one prediction. The first label of a prediction counts, repeats change nothing.

    Examples
    --------
    >>> import msgspec
    >>> msgspec.json.encode(Label(model="flight-late", prediction_id="UA1545", label=True)).decode()
    '{"model":"flight-late","prediction_id":"UA1545","label":true}'
    """

    model: Name
    prediction_id: PredictionId
    label: float | bool | str
    timestamp: Timestamp | None = None
