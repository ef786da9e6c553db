"""The events of the bench: predictions of ten features, about 300 bytes each, and as many labels.

Seeded, so that every run writes the same bytes. A label follows its prediction ten seconds later in event time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import orjson
from confluent_kafka import Producer

from monitor_stream.events.spec import (
    DriftRules,
    ErrorScale,
    Estimator,
    Feature,
    LossModel,
    ModelSpec,
    NumericReference,
    OutlierRules,
)
from monitor_stream.events.tables import PREDICTION, TARGET
from monitor_stream.judge.drift.methods import default_methods
from monitor_stream.judge.drift.simulation import calibrate

MODEL = "bench"
FEATURES = 10
START = 1_780_000_000.0
SECONDS_PER_PREDICTION = 0.001
LABEL_DELAY = 10.0
SPAN_SECONDS = 60.0
EDGES = [round(0.025 * step, 3) for step in range(1, 40)]


def spec() -> ModelSpec:
    """A regression with all that `profile` puts into a spec: a full reference and a calibration for each of its ten features, for
    predictions and labels, outlier rules, and an estimator that weighs every column.

    Its drift spans are a minute, not a day, so that some close and are judged within the run.
    """
    uniform = NumericReference(
        n=100_000,
        missing=0.0,
        mean=0.5,
        std=0.288675,
        minimum=0.0,
        maximum=1.0,
        edges=EDGES,
        shares=[0.025] * 40,
    )
    names = [f"f{index}" for index in range(FEATURES)]
    weights = [
        round(0.0005 * place, 4) for place in range(len(EDGES) + 2)
    ]  # the last is that of a missing value
    law = calibrate(uniform, default_methods(uniform, SPAN_SECONDS / SECONDS_PER_PREDICTION)[0])
    return ModelSpec(
        model=MODEL,
        version="1",
        task="regression",
        features=[
            Feature(name=name, kind="numeric", minimum=0.0, maximum=1.0, reference=uniform) for name in names
        ],
        segments=["region"],
        tolerance=0.5,
        error_scale=ErrorScale(mean=0.08, std=0.06),
        label=uniform,
        prediction=uniform,
        # A thousandth of a uniform column lies beyond.
        outliers=OutlierRules(cuts=dict.fromkeys(names, 1.3477), share=0.01, std=0.001),
        estimator=Estimator(
            loss=LossModel(intercept=-0.04, weights=dict.fromkeys((*names, PREDICTION), weights)),
            gap=ErrorScale(mean=0.0, std=0.06),
        ),
        drift=DriftRules(
            span_seconds=SPAN_SECONDS, columns={name: [law] for name in (*names, PREDICTION, TARGET)}
        ),
    )


def produce(
    bootstrap: str, predictions: str, labels: str, pairs: int, *, part: int = 0
) -> tuple[float, float]:
    """Write `pairs` predictions and labels, keyed by id; returns the mean size in bytes of each.

    Parts follow each other in event time.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.num.messages": 5000,
            "queue.buffering.max.messages": 1_000_000,
            "partitioner": "murmur2_random",
        }
    )
    sizes = {predictions: 0, labels: 0}
    for topic, key, value in _interleave(_pairs(pairs, part), predictions, labels):
        sizes[topic] += len(value)
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return sizes[predictions] / pairs, sizes[labels] / pairs


def _pairs(pairs: int, part: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    draw, start = random.Random(part), START + part * pairs * SECONDS_PER_PREDICTION
    for index in range(pairs):
        identity, time = f"{draw.getrandbits(64):016x}", start + index * SECONDS_PER_PREDICTION
        truth = round(draw.random(), 6)
        prediction = {
            "model": MODEL,
            "version": "1",
            "prediction_id": identity,
            "timestamp": time,
            "prediction": round(truth + draw.gauss(0.0, 0.1), 6),
            "features": {f"f{number}": round(draw.random(), 6) for number in range(FEATURES)},
            "segments": {"region": f"r{index % 5}"},
            "latency_seconds": 0.004,
        }
        label = {"model": MODEL, "prediction_id": identity, "timestamp": time + LABEL_DELAY, "label": truth}
        yield identity.encode(), orjson.dumps(prediction), orjson.dumps(label)


def _interleave(
    pairs: Iterator[tuple[bytes, bytes, bytes]], predictions: str, labels: str
) -> Iterator[tuple[str, bytes, bytes]]:
    """Labels behind their predictions by the label delay, as the wire would carry them."""
    waiting: list[tuple[bytes, bytes]] = []
    behind = int(LABEL_DELAY / SECONDS_PER_PREDICTION)
    for key, prediction, label in pairs:
        yield predictions, key, prediction
        waiting.append((key, label))
        if len(waiting) >= 2 * behind:
            yield from ((labels, *item) for item in waiting[:behind])
            del waiting[:behind]
    yield from ((labels, *item) for item in waiting)
