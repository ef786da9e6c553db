import enum
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.client.events import label_event, prediction_event
from monitor_stream.client.identifier import new_prediction_id
from monitor_stream.client.values import identifier, scalar, seconds
from monitor_stream.events.wire import Label, Prediction


class Carrier(enum.StrEnum):
    SPIRIT = "NK"


def make(**given: Any) -> Prediction:
    """A prediction as it comes out of Kafka."""
    nothing = dict.fromkeys(
        (
            "prediction_id",
            "timestamp",
            "prediction",
            "score",
            "scores",
            "features",
            "segments",
            "latency_seconds",
            "interval",
        )
    )
    event, key = prediction_event(
        **{"model": "m", "version": "0", "error": None, "attributions": None, **nothing, **given}
    )
    decoded = msgspec.json.decode(msgspec.json.encode(event), type=Prediction)
    assert decoded.prediction_id == key
    return decoded


def make_label(**given: Any) -> Label:
    event = label_event(**{"model": "m", "prediction_id": "1", "timestamp": None, **given})
    return msgspec.json.decode(msgspec.json.encode(event), type=Label)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("UA"), "UA"),
        (np.array([0.5]), 0.5),
        (np.array(3), 3),
        (Carrier.SPIRIT, "NK"),
        (Decimal("0.5"), 0.5),
        (True, True),
        (None, None),
        (pd.NA, None),
        (pd.NaT, None),
    ],
)
def test_scalars_of_other_libraries_become_plain(given: Any, expected: Any) -> None:
    """Numpy's scalars, arrays of one, enumerations, decimals and pandas's missing values are taken."""
    result = scalar(given, "x")
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("given", [[1, 2], {"a": 1}, np.array([1, 2]), datetime.now(UTC), object(), b"x"])
def test_what_is_no_scalar_is_refused_by_name(given: Any) -> None:
    """The error names the value's place and its type."""
    with pytest.raises(TypeError, match=rf"segment 'x' is an? {type(given).__name__}"):
        make(prediction=1, segments={"x": given})


@pytest.mark.parametrize("given", [{"a": 1}, {1, 2}, np.zeros((2, 2)), object(), b"x"])
def test_what_is_no_feature_is_refused_by_name(given: Any) -> None:
    """So it is with features, which may be more."""
    with pytest.raises(TypeError, match=rf"feature 'x' is an? {type(given).__name__}"):
        make(prediction=1, features={"x": given})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([1, 2.5], [1.0, 2.5]),
        ((1, 2), [1.0, 2.0]),
        (np.array([1, 2], np.float32), [1.0, 2.0]),
        (datetime(2013, 3, 1, 11, tzinfo=timezone(timedelta(hours=1))), "2013-03-01T10:00:00+00:00"),
    ],
)
def test_vectors_and_moments_are_features(given: Any, sent: Any) -> None:
    """A vector is sent as a list of numbers, a moment as RFC 3339 in UTC."""
    assert make(prediction=1, features={"x": given}).features == {"x": sent}


@pytest.mark.parametrize(
    ("given", "reason"),
    [([1, "a"], "a component of feature 'x' is a str"), ([[1.0]], "a component of feature 'x' is a list")],
)
def test_a_vector_is_made_of_numbers(given: Any, reason: str) -> None:
    """The error names the component's type."""
    with pytest.raises(TypeError, match=reason):
        make(prediction=1, features={"x": given})


def test_missing_features_are_sent_as_null() -> None:
    """NaN and the infinities, which JSON does not have, arrive as None, whatever library they come from."""
    features = {
        "a": math.nan,
        "b": np.nan,
        "c": np.float32("nan"),
        "d": math.inf,
        "e": None,
        "f": pd.NA,
        "g": 1.0,
    }
    assert make(prediction=1, features=features).features == {**dict.fromkeys("abcdef"), "g": 1.0}


@pytest.mark.parametrize("answer", [{"prediction": math.nan}, {"prediction": np.inf}, {"score": math.nan}])
def test_an_answer_that_is_no_number_is_a_failed_prediction(answer: dict[str, float]) -> None:
    """A model that says NaN has failed, and the event says so."""
    event = make(**answer)
    assert (event.prediction, event.score) == (None, None)
    assert event.error is not None
    assert "not a finite number" in event.error


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "a prediction needs a prediction, a score, scores, or an error"),
        ({"prediction": 1, "model": ""}, "model has 0 characters; it must have 1 to 200"),
        ({"prediction": 1, "version": "v" * 201}, "version has 201 characters"),
        ({"prediction": 1, "prediction_id": ""}, "prediction_id has 0 characters; it must have 1 to 512"),
        ({"score": 1.5}, "score is 1.5; a probability is between 0 and 1"),
        ({"score": -math.inf}, "score is -inf"),
        ({"scores": {"a": 2}}, "score of 'a' is 2; a probability"),
        ({"prediction": 1, "latency_seconds": -1}, "latency_seconds is -1; it must be zero or more"),
        ({"prediction": 1, "timestamp": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001 the point
        ({"prediction": 1, "timestamp": np.datetime64("2026-01-01")}, "a numpy time, which has no zone"),
        ({"prediction": 1, "timestamp": "2026-01-01T00:00:00"}, "has no time zone"),
        ({"prediction": 1, "timestamp": "yesterday"}, "Invalid isoformat string: 'yesterday'"),
        ({"prediction": 1, "timestamp": 1_767_225_600_000}, "it is in seconds, not milliseconds"),
        ({"prediction": 1, "timestamp": math.nan}, "not a time between 2000 and 2100"),
    ],
)
def test_wrong_values_are_refused_early(given: dict[str, Any], reason: str) -> None:
    """What the monitor would set aside as a dead letter is a clear error where it can be mended."""
    with pytest.raises(ValueError, match=reason):
        make(**given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"prediction": 1, "model": None}, "model is a NoneType; it must be a text"),
        ({"prediction": 1, "version": 3}, "version is an int; it must be a text"),
        ({"prediction": 1, "prediction_id": 7.0}, "prediction_id is a float; .* turns 7 into 7.0"),
        ({"prediction": 1, "features": {1: 2}}, "feature name is an int"),
        ({"prediction": 1, "features": [1]}, "features are a mapping of names to values, not a list"),
        ({"prediction": 1, "timestamp": True}, "timestamp is a bool"),
        ({"score": "0.5"}, "score is a text"),
        ({"prediction": np.zeros(3)}, "prediction is a ndarray: hand over one at a time, or use log_frame"),
    ],
)
def test_wrong_types_are_refused_early(given: dict[str, Any], reason: str) -> None:
    """So is a value of a type that no event can hold."""
    with pytest.raises(TypeError, match=reason):
        make(**given)


@pytest.mark.parametrize("label", [None, math.nan, math.inf, pd.NA])
def test_a_label_is_known_or_not_sent(label: Any) -> None:
    """A missing label is an error: there is nothing to say yet."""
    with pytest.raises(ValueError, match="a label is known, or not sent"):
        make_label(label=label)


@pytest.mark.parametrize(("label", "expected"), [(True, True), (np.float32(1.5), 1.5), ("cat", "cat")])
def test_labels_of_every_task_are_taken(label: Any, expected: Any) -> None:
    """Booleans, numbers and classes."""
    assert make_label(label=label).label == expected


@pytest.mark.parametrize(
    "given", [datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "2026-01-01T00:00:00Z", 1_767_225_600,
              np.float64(1_767_225_600), pd.Timestamp("2026-01-01", tz="UTC")]
)  # fmt: skip
def test_times_are_taken_in_every_usual_form(given: Any) -> None:
    """A datetime with a zone, a text with an offset, and seconds mean the same moment."""
    assert seconds(given, "timestamp") == 1_767_225_600.0


@pytest.mark.parametrize(
    ("given", "expected"), [(7, "7"), (np.int64(7), "7"), (UUID(int=7), str(UUID(int=7))), ("a", "a")]
)
def test_ids_are_text_in_the_end(given: Any, expected: str) -> None:
    """Whole numbers and UUIDs are written as text, the same for a prediction and its label."""
    assert identifier(given) == expected


def test_a_probability_may_be_off_by_a_rounding() -> None:
    """A softmax in 32 bits that ends a little above one is one."""
    assert make(score=np.float32(1.0000001)).score == 1.0
    assert make(scores={"a": -1e-9, "b": 1.0}).scores == {"a": 0.0, "b": 1.0}


def test_an_error_is_cut_not_refused() -> None:
    """The text of an exception may be long: its beginning is sent."""
    assert make(error="x" * 1000).error == "x" * 200


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([1, 2.5], (1.0, 2.5)),
        (np.array([1.0, 2.0], np.float32), (1.0, 2.0)),
        ((2.0, 1.0), (2.0, 1.0)),  # for the monitor to count
        ((1.0, math.nan), None),
        ((-math.inf, 1.0), None),
        ((None, 1.0), None),
        (math.nan, None),
    ],
)
def test_an_interval_is_two_numbers_or_not_sent(given: Any, sent: Any) -> None:
    """JSON has no infinity: where one end is not finite, the prediction goes without an interval."""
    assert make(prediction=1.0, interval=given).interval == sent


@pytest.mark.parametrize("given", [[1.0], [1.0, 2.0, 3.0], "ab", 5.0, ("a", "b"), (True, 2.0)])
def test_what_is_no_interval_is_refused(given: Any) -> None:
    """Other than two numbers is a mistake of the caller."""
    with pytest.raises((TypeError, ValueError), match="interval is"):
        make(prediction=1.0, interval=given)


def test_attributions_are_numbers() -> None:
    """Those that are no finite numbers are left out, a text is refused."""
    assert make(prediction=1, attributions={"a": np.float32(0.5), "b": math.nan}).attributions == {"a": 0.5}
    with pytest.raises(TypeError, match="attribution 'a' is a text"):
        make(prediction=1, attributions={"a": "x"})


def test_generated_ids_are_uuids_in_the_order_of_time() -> None:
    """They are of version 7, all different, and sort by their millisecond."""
    ids = [new_prediction_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, "specified in RFC 4122")}
    stamps = [one[:13] for one in ids]
    assert stamps == sorted(stamps)


JSON = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(2**53), 2**53), st.text())


@given(
    prediction=st.one_of(st.booleans(), st.floats(), st.integers(-(2**53), 2**53), st.text()),
    features=st.dictionaries(st.text(min_size=1, max_size=200), JSON),
    score=st.one_of(st.none(), st.floats(0, 1)),
    key=st.one_of(st.none(), st.text(min_size=1, max_size=512)),
    time=st.one_of(st.none(), st.floats(946684800, 4102444799)),
)
def test_what_is_taken_is_what_the_monitor_reads(
    prediction: Any, features: dict[str, Any], score: float | None, key: str | None, time: float | None
) -> None:
    """Any event that is not refused decodes to what was handed over, with null for what is not finite."""

    def finite(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    try:
        event = make(prediction=prediction, features=features, score=score, prediction_id=key, timestamp=time)
    except UnicodeEncodeError:
        return  # lone surrogates are no text
    assert event.prediction == finite(prediction)
    assert event.features == {name: finite(value) for name, value in features.items()}
    assert (event.score, event.timestamp) == (score, time)
    assert key in {None, event.prediction_id}
