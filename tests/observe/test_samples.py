"""Samples of a span: few rows, of bounded size, that say what they are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.delta import SAMPLE_ROWS, Sample, SampleColumn
from monitor_stream.events.spec import (
    CategoricalReference,
    DriftRules,
    Feature,
    ModelSpec,
    NumericReference,
)
from monitor_stream.events.tables import MAX_COLUMNS
from monitor_stream.observe.emit import MAX_BYTES
from tests.observe.streams import START, Reader

NUMBERS = NumericReference(
    n=9, missing=0.0, mean=0.0, std=1.0, minimum=0.0, maximum=1.0, edges=[0.5], shares=[0.5, 0.5]
)
FLAGS = CategoricalReference(n=9, missing=0.0, shares={"true": 0.5, "false": 0.5})


def read(
    spec: ModelSpec | None, events: list[dict[str, Any]], batch: int = 1000
) -> tuple[list[Sample], list[bytes]]:
    reader = Reader([] if spec is None else [spec])
    for first in range(0, len(events), batch):
        values: list[bytes | None] = [
            json.dumps({"model": "m", "version": "1", "prediction": 1.0, "timestamp": START} | event).encode()
            for event in events[first : first + batch]
        ]
        reader.apply("predictions", first, values)
        reader.commit()
    deltas = [message.value for message in reader.messages if message.topic == "deltas"]
    parts = [part for delta in deltas for part in decode_delta(delta).versions.values()]
    return [sample for part in parts for sample in part.samples], deltas


def spec(*features: Feature, **more: Any) -> ModelSpec:
    return ModelSpec(model="m", version="1", task="regression", features=list(features), **more)


def test_little_is_sent_of_many() -> None:
    """Of 40,000 predictions of a span about 500 (1 + ln 80) rows, most of them with the first batch that has them."""
    samples, _ = read(
        spec(Feature(name="x", kind="numeric", reference=NUMBERS)),
        [{"prediction_id": str(number), "features": {"x": 0.5}} for number in range(40_000)],
    )
    rows = [len(sample.unpack()[0]) for sample in samples]
    assert max(rows) <= SAMPLE_ROWS
    assert sum(rows) < 1.2 * SAMPLE_ROWS * (1 + np.log(40_000 / SAMPLE_ROWS))


def test_predictions_without_id_duplicates_and_failed_ones_are_not_sampled() -> None:
    """They name no row, or no new one, or have no answer."""
    events: list[dict[str, Any]] = [
        {"features": {"x": 0.5}},
        {"prediction_id": "a", "features": {"x": 0.5}},
        {"prediction_id": "a", "features": {"x": 0.7}},
        {"prediction_id": "b", "error": "timeout"},
    ]
    samples, _ = read(spec(Feature(name="x", kind="numeric", reference=NUMBERS)), events)
    assert [sample.unpack()[1].tolist() for sample in samples] == [[[0.5, 1.0]]]


def test_a_delta_stays_in_bounds_with_wide_rows_of_many_spans() -> None:
    """Rows have the first 200 features; what does not fit into one delta goes into the next."""
    features = [Feature(name=f"f{n}", kind="numeric", reference=NUMBERS) for n in range(MAX_COLUMNS + 5)]
    values = {f"f{n}": 0.5 for n in range(MAX_COLUMNS + 5)}
    events = [
        {"prediction_id": str(n), "features": values, "timestamp": START + 10.0 * (n % 7)}
        for n in range(1500)
    ]
    samples, deltas = read(spec(*features, drift=DriftRules(span_seconds=10.0)), events)
    assert len(deltas) > 2
    assert max(map(len, deltas)) < 1.1 * MAX_BYTES
    assert {sample.unpack()[1].shape[1] for sample in samples} == {MAX_COLUMNS + 1}
    assert sum(len(sample.unpack()[0]) for sample in samples) == 1500


def test_columns_are_described_where_no_reference_says_them() -> None:
    """Values by their code, in the order in which they were met."""
    events = [
        {"prediction_id": str(n), "features": {"c": c, "x": 2.5, "b": b}}
        for n, (c, b) in enumerate([("q", True), ("p", False), ("q", None)])
    ]
    [sample], _ = read(None, events)
    assert sample.columns == [
        SampleColumn("c", "categorical", ["q", "p"]),
        SampleColumn("x", "numeric"),
        SampleColumn("b", "boolean"),
    ]
    rows = [[None if np.isnan(v) else v for v in row] for row in sample.unpack()[1].tolist()]
    assert sorted(rows, key=str) == sorted(
        [[0.0, 2.5, 1.0, 1.0], [1.0, 2.5, 0.0, 1.0], [0.0, 2.5, None, 1.0]], key=str
    )


def test_a_boolean_with_a_reference_is_the_index_of_its_name() -> None:
    """As its histogram counts it; nothing needs to be described."""
    feature = Feature(name="b", kind="boolean", reference=FLAGS)
    events = [{"prediction_id": str(n), "features": {"b": b}} for n, b in enumerate([True, False, 1])]
    [sample], _ = read(spec(feature), events)
    assert sample.columns == []
    assert sorted(sample.unpack()[1][:, 0].tolist()) == [0.0, 0.0, 1.0]
