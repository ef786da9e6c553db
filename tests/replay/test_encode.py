import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.errors import InputError
from monitor_stream.events.wire import Timestamp
from monitor_stream.replay.encode import json_object, json_string, json_text, seconds

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))


def decoded(column: Any) -> list[Any]:
    return [json.loads(text) for text in json_text(column).to_pylist()]


@given(st.lists(st.none() | texts))
def test_any_text_survives(values: list[str | None]) -> None:
    """Quotes, control characters and every script come back from JSON as they were."""
    assert decoded(pa.array(values, pa.string())) == values


@given(st.lists(st.none() | st.floats()))
def test_a_number_survives_and_what_json_lacks_is_null(values: list[float | None]) -> None:
    """Floats come back to the last bit; NaN and infinity, which JSON does not have, are null."""
    expected = [value if value is not None and math.isfinite(value) else None for value in values]
    assert decoded(pa.array(values, pa.float64())) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([True, None, False]), [True, None, False]),
        (pa.array([1, None, -(2**62)]), [1, None, -(2**62)]),
        (pa.array([1.5, 2.0], pa.float32()), [1.5, 2.0]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.chunked_array([["a"], [None]]), ["a", None]),
        (pa.array([None, None]), [None, None]),
    ],
    ids=["boolean", "integer", "float", "dictionary", "large string", "chunked", "null"],
)
def test_every_type_becomes_its_json(column: Any, expected: list[Any]) -> None:
    """Booleans stay booleans, integers integers, and categories text."""
    assert decoded(column) == expected


@given(st.dictionaries(texts, st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_an_object_has_its_members(row: dict[str, int | None]) -> None:
    """Names are escaped as values are, and a missing member is null."""
    members = {name: json_text(pa.array([value], pa.int64())) for name, value in row.items()}
    assert json.loads(json_object(members)[0].as_py()) == row


def test_ids_are_text_even_when_they_are_numbers() -> None:
    """A numeric id column gives ids that events can hold."""
    assert json_string(pa.array([17, None])).to_pylist() == ['"17"', "null"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1362132900.5, None]),
        pa.array(["2013-03-01T10:15:00.5Z", None]),
        pa.array(["2013-03-01T11:15:00.5+01:00", None]),
        pa.array(["2013-03-01T10:15:00.5", None]),
        pa.array([1362132900500, None], pa.timestamp("ms")),
        pa.array([1362132900500, None], pa.timestamp("ms", tz="America/New_York")),
    ],
    ids=["number", "text", "text with an offset", "text without a zone", "timestamp", "timestamp in a zone"],
)
def test_times_of_every_form_are_unix_seconds(column: Any) -> None:
    """Numbers, text and timestamps say the same moment."""
    found = seconds(column, "at").tolist()
    assert found[0] == 1362132900.5
    assert math.isnan(found[1])


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("s"),
        pa.timestamp("ms"),
        pa.timestamp("us"),
        pa.timestamp("ns"),
        pa.timestamp("ns", tz="UTC"),
        pa.timestamp("ms", tz="America/New_York"),
    ],
    ids=str,
)
def test_a_timestamp_is_one_that_events_can_hold(kind: Any) -> None:
    """A time of any unit, with a zone or without, is read back as that moment by the type of events; none is null."""
    moments = [datetime(2013, 3, 1, 10, 15, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 55, tzinfo=UTC)]
    values = [moment if kind.tz else moment.replace(tzinfo=None) for moment in moments]
    texts = json_text(pa.array([*values, None], kind)).to_pylist()
    assert [msgspec.json.decode(text, type=Timestamp | None) for text in texts] == [*moments, None]


def test_a_date_is_a_time_that_events_can_hold() -> None:
    """Its first moment in UTC, which is how `seconds` reads it too."""
    assert json_text(pa.array([1, None], pa.date32())).to_pylist() == [
        '"1970-01-02T00:00:00.000000Z"',
        "null",
    ]


def test_dates_are_midnights() -> None:
    """A date is its first moment in UTC."""
    assert seconds(pa.array([1], pa.date32()), "day").tolist() == [86400.0]


def test_what_is_no_time_is_refused_by_name() -> None:
    """The sentence names the column."""
    with pytest.raises(InputError, match=r"The column at .* cannot be read as times"):
        seconds(pa.array(["yesterday"]), "at")
