"""Examples of outliers: the furthest of a day, as the events had them, and nothing that the spec wants hidden."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.delta import EXAMPLES, Example
from monitor_stream.events.spec import (
    DAY,
    CategoricalReference,
    CategoryPair,
    Feature,
    ModelSpec,
    NumericReference,
    OutlierRules,
)
from tests.observe.streams import START, Reader

NUMBERS = NumericReference(
    n=9, missing=0.0, mean=0.0, std=1.0, minimum=-2.698, maximum=2.698, edges=[0.0], shares=[0.5, 0.5]
)
CITIES = CategoricalReference(n=9, missing=0.0, shares={"Bern": 0.5, "Graz": 0.5})
SPEC = ModelSpec(
    model="m",
    task="regression",
    features=[
        Feature(name="size", kind="numeric", reference=NUMBERS),
        Feature(name="income", kind="numeric", reference=NUMBERS),
        Feature(name="city", kind="categorical", reference=CITIES),
        Feature(name="vector", kind="vector"),
    ],
    outliers=OutlierRules(
        cuts={"size": 2.0, "income": 2.0}, pairs=[CategoryPair(first="city", second="city", seen=["1", "2"])]
    ),
)


def read(spec: ModelSpec, events: list[dict[str, Any]], batch: int = 7) -> tuple[list[Example], bytes]:
    """The examples that were sent, and all that was said or written."""
    reader = Reader([spec])
    for first in range(0, len(events), batch):
        values: list[bytes | None] = [
            json.dumps(
                {"model": "m", "prediction": 1.0, "prediction_id": str(first + at), "timestamp": START}
                | event
            ).encode()
            for at, event in enumerate(events[first : first + batch])
        ]
        reader.apply("predictions", first, values)
        reader.commit()
    deltas = [message.value for message in reader.messages]
    parts = [part for delta in deltas for part in decode_delta(delta).versions.values()]
    return [example for part in parts for example in part.examples], b"".join(
        [*deltas, *reader.state.values()]
    )


def test_the_furthest_of_each_day_are_sent() -> None:
    """Twenty of a day, whatever else came, with the features as the event had them."""
    events = [{"features": {"size": 5.0 + at}, "timestamp": START + DAY * (at % 2)} for at in range(100)]
    sent, _ = read(SPEC, events)
    best = sorted(sent, key=lambda example: (example.start, -example.score))
    days = [[e for e in best if e.start == day][:EXAMPLES] for day in sorted({e.start for e in best})]
    assert [[e.prediction_id for e in day] for day in days] == [
        [str(at) for at in range(98, 58, -2)],
        [str(at) for at in range(99, 59, -2)],
    ]
    assert days[0][0].features == {"size": 103.0}
    assert days[0][0].reason == "size"
    assert abs(days[0][0].score - 103.0 / 4.0) < 1e-9  # a spread of 2, and a cut of 2


def test_little_is_sent_of_many() -> None:
    """Of 3,000 outliers of a day about 20 (1 + ln 150), the furthest among them."""
    sizes = [5.0 + at * 7919 % 3001 for at in range(3000)]
    sent, _ = read(SPEC, [{"features": {"size": size}} for size in sizes], batch=500)
    assert len(sent) < 250
    assert {example.features["size"] for example in sent} >= {*sorted(sizes)[-EXAMPLES:]}


def test_features_are_shown_as_the_event_had_them() -> None:
    """Numbers, text cut to 64 characters, null, vectors as text; what the spec does not name is not shown."""
    features = {"size": 9, "city": "W" * 100, "vector": [1, 2.5], "income": None, "unheard": {"a": [1]}}
    (example,), _ = read(SPEC, [{"features": features}])
    assert example.features == {"size": 9.0, "income": None, "city": "W" * 64, "vector": "[1, 2.5]"}
    (example,), _ = read(SPEC, [{"features": {"size": 9.5, "income": 10**300, "city": "Bern"}}])
    assert example.features == {"size": 9.5, "income": "1" + "0" * 63, "city": "Bern"}


def test_no_example_leaves_or_is_written_where_the_spec_says_so() -> None:
    """`store_examples: false`: outliers are counted, and neither deltas nor state hold an id or a value of theirs."""
    events = [{"prediction_id": "someone", "features": {"size": 77.125, "city": "Bern"}}]
    spec = msgspec.structs.replace(SPEC, store_examples=False, horizon_seconds=1.0)
    sent, said = read(spec, events)
    assert sent == []
    assert b"outliers" in said
    assert b"someone" not in said
    (told,), said = read(SPEC, events)
    assert told.prediction_id == "someone"
    assert b"someone" in said


def test_masked_features_are_hidden_and_so_is_what_only_they_tell() -> None:
    """Their values are ``***``, and how far one is from the median is no reason: it would give the value away."""
    spec = msgspec.structs.replace(SPEC, masked=["income", "city"])
    events: list[dict[str, Any]] = [
        {"prediction_id": "rich", "features": {"size": 1.0, "income": 123456.75}},
        {"prediction_id": "both", "features": {"size": 9.0, "income": 123456.75, "city": "Linz"}},
        {"prediction_id": "pair", "features": {"city": "Linz"}},
    ]
    (example,), said = read(spec, events)
    assert (example.prediction_id, example.reason, example.score) == ("both", "size", 2.25)
    assert example.features == {"size": 9.0, "income": "***", "city": "***"}
    assert b"123456" not in said


def test_failed_predictions_and_those_without_id_are_no_examples() -> None:
    """They are counted as outliers; nobody could look them up."""
    events: list[dict[str, Any]] = [
        {"prediction_id": None, "features": {"size": 9.0}},
        {"error": "no", "features": {"size": 9.0}},
    ]
    sent, said = read(SPEC, events)
    assert sent == []
    assert b"outliers" in said
