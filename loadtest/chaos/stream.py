"""The known stream: seeded, so that a run can be repeated, and every trouble that a producer can make is in it.

Event time advances by `STEP` a record and begins at `START`, in the past, so that the broker believes every time stamp.
A prediction and its labels lie in the same partition. Duplicates of a prediction come within the time that its id is
remembered; an id is used again only after horizon and that time have passed: that is the contract of ids.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import zlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from loadtest.chaos.specs import VERSIONS, spec_of

START: Final = 1_700_000_000.0
STEP: Final = 0.02
#: How far the closing events lie ahead: beyond every horizon and every time that an id is remembered.
BEYOND: Final = 30 * 86400.0
MAX_RECORD_BYTES: Final = 4096

#: What is in a record that crashes the code: by an error, by the end of the process.
RAISES: Final = b"poison-raises"
KILLS: Final = b"poison-kills"

_ID_REUSE: Final = 900.0  # horizon, duplicate window and disorder of the models whose ids come again
_REGIONS: Final = ("north", "south", "east", "west")
_MODELS: Final = ("price",) * 6 + ("fraud",) * 5 + ("topic",) * 4 + ("demand",) * 3 + ("mood",) * 2
_CLASSES: Final = ("art", "law", "war", "zoo")
_MOODS: Final = ("bad", "fair", "good")


class Record(NamedTuple):
    """One record; `time` is the Kafka timestamp in Unix seconds."""

    role: str
    partition: int
    time: float
    value: bytes | None


def stream(seed: int, records: int, partitions: int) -> Iterator[Record]:
    """So many records, and then the closing ones."""
    yield from itertools.islice(_Producer(seed, partitions).records(), records)
    yield from closing(START + records * STEP, partitions)


def closing(now: float, partitions: int) -> Iterator[Record]:
    """Move the event time of every model in every partition of both topics beyond all horizons."""
    time = now + BEYOND
    for partition in range(partitions):
        for model, versions in VERSIONS.items():
            prediction = _answer(model, random.Random(0)) | {
                "model": model,
                "version": versions[-1],
                "timestamp": time,
            }
            label = {
                "model": model,
                "prediction_id": f"closing-{partition}",
                "timestamp": time,
                "label": 1.0,
            }
            yield Record("predictions", partition, time, _json(prediction))
            yield Record("labels", partition, time, _json(label))


def poisonous(mark: bytes, number: int, role: str, partition: int, now: float) -> Record:
    """A record that crashes the code for as long as it has the bug; to one without the bug it is like any other."""
    event = {
        "model": "mood",
        "prediction_id": f"{mark.decode()}-{number}",
        "timestamp": now,
        **({"label": "good"} if role == "labels" else {"version": "b", "prediction": "good"}),
    }
    if role == "predictions":
        event["segments"] = {"channel": "web"}
    return Record(role, partition, now, _json(event))


class _Producer:
    def __init__(self, seed: int, partitions: int) -> None:
        self._draw = random.Random(seed)
        self._partitions = partitions
        self._later: list[tuple[float, int, Record]] = []
        self._count = itertools.count()
        self._ids = itertools.count()
        self._old: list[tuple[float, str, str]] = []  # ids that may be used again: from when, model, id

    def records(self) -> Iterator[Record]:
        """Without end, in the order in which they are written."""
        for number in itertools.count():
            now = START + number * STEP
            while not (self._later and self._later[0][0] <= now):
                self._request(now)
            yield heapq.heappop(self._later)[2]

    def _write(self, at: float, record: Record) -> None:
        heapq.heappush(self._later, (at, next(self._count), record))

    def _request(self, now: float) -> None:
        draw = self._draw
        if draw.random() < 0.01:
            self._malformed(now)
            return
        model = draw.choice(_MODELS)
        identity = self._identity(now, model)
        partition = zlib.crc32(f"{model} {identity}".encode()) % self._partitions
        for version in VERSIONS[model]:
            self._predict(now, model, version, identity, partition)
        self._label(now, model, identity, partition)

    def _identity(self, now: float, model: str) -> str:
        """A new id, or, long after, one that was used before."""
        if self._old and self._old[0][0] < now and self._draw.random() < 0.05:
            _, of, identity = self._old.pop(0)
            if of == model:
                return identity
        identity = f"{model[0]}{next(self._ids):x}"
        if model in {"price", "fraud", "topic"} and self._draw.random() < 0.02:
            self._old.append((now + _ID_REUSE + 900.0, model, identity))
        return identity

    def _predict(self, now: float, model: str, version: str, identity: str, partition: int) -> None:
        draw = self._draw
        time = now - draw.expovariate(0.5)  # somewhat out of order
        if draw.random() < 0.004:
            time -= draw.uniform(20.0, 300.0)  # more out of order than is allowed
        elif draw.random() < 0.002:
            time -= draw.uniform(700.0, 5000.0)  # later than any label could be
        event: dict[str, Any] = {"model": model, "version": version, "prediction_id": identity}
        event |= {"timestamp": round(time, 3)} | _answer(model, draw)
        luck = draw.random()
        if luck < 0.01:
            del event["prediction_id"]
        elif model == "mood":
            pass  # the first answer of a model without a spec tells its task
        elif luck < 0.02:
            event["error"] = "timeout"
            event.pop("prediction", None)
        elif luck < 0.025:
            event.pop("prediction", None)
            event.pop("scores", None)
            event.pop("score", None)
        elif luck < 0.03 and model in {"price", "fraud"}:
            event["prediction"] = "a lot"
        elif luck < 0.035:
            event["surprise"] = 1
        elif luck < 0.04:
            event["timestamp"] = None  # then the record's counts
        record = Record("predictions", partition, round(now, 3), _json(event))
        self._write(now, record)
        if draw.random() < 0.02:
            self._write(now + draw.choice((0.0, 5.0, 30.0)), record._replace(time=round(now, 3)))

    def _label(self, now: float, model: str, identity: str, partition: int) -> None:
        draw = self._draw
        luck = draw.random()
        if luck < 0.10:
            return  # never
        horizon = float(spec_of(model, VERSIONS[model][0])["horizon_seconds"])
        delay = draw.expovariate(1 / 60.0)
        if luck < 0.20:
            delay = -draw.uniform(0.0, 60.0)  # before its prediction
        elif luck < 0.25 and horizon < 3600.0:
            delay = horizon + draw.uniform(-100.0, 400.0)  # about the end of the horizon, or after it
        self._truth(now, delay, model, identity, partition)
        if draw.random() < 0.04:  # twice, at times with another truth
            self._truth(now, delay + draw.choice((0.0, 1.0, 50.0, 119.0, 400.0)), model, identity, partition)

    def _truth(self, now: float, delay: float, model: str, identity: str, partition: int) -> None:
        draw = self._draw
        event = {"model": model, "prediction_id": identity, "timestamp": round(now + delay, 3)}
        event["label"] = _truth(model, draw)
        if draw.random() < 0.005:
            event["label"] = "nobody knows"
        written = max(now, now + delay) + draw.expovariate(1.0)
        self._write(written, Record("labels", partition, round(written, 3), _json(event)))

    def _malformed(self, now: float) -> None:
        draw = self._draw
        role = draw.choice(("predictions", "labels"))
        partition = draw.randrange(self._partitions)
        self._write(now, Record(role, partition, round(now, 3), _malformed(role, now, draw)))


def _answer(model: str, draw: random.Random) -> dict[str, Any]:
    """What a model answers, with its input. Scores are multiples of 1/64: they mean the same in 32 bits and in 64."""
    event: dict[str, Any] = {"latency_seconds": round(draw.expovariate(30.0), 6)}
    if model == "price":
        event["prediction"] = round(draw.gauss(80.0, 30.0), 2)
        event["features"] = _features(draw)
        event["segments"] = {"region": draw.choice(_REGIONS)}
    elif model == "fraud":
        event["score"] = draw.randrange(1, 64) / 64
        if draw.random() < 0.8:
            event["prediction"] = event["score"] >= 0.4 if draw.random() < 0.9 else draw.choice((0, 1))
        event["features"] = {"amount": round(draw.gauss(50.0, 40.0), 2)}
        event["segments"] = {"country": draw.choice(("DE", "FR", "PT", None))}
    elif model == "topic":
        shares = [draw.randrange(1, 20) for _ in _CLASSES[:3]]
        event["prediction"] = draw.choice(_CLASSES[:3])
        if draw.random() < 0.9:
            event["scores"] = {name: share / 64 for name, share in zip(_CLASSES[:3], shares, strict=True)}
    elif model == "demand":
        event["prediction"] = float(draw.randrange(0, 50))
        event["features"] = {"day": draw.randrange(7), "rain": draw.random() < 0.3, "sort": "a"}
        if draw.random() < 0.1:
            event["features"]["day"] = None
        event["segments"] = {"shop": str(draw.randrange(4))}
    else:
        event["prediction"] = draw.choice(_MOODS)
        event["segments"] = {"channel": draw.choice(("web", "phone"))}
    return event


def _features(draw: random.Random) -> dict[str, Any] | None:
    features: dict[str, Any] = {
        "size": round(draw.gauss(50.0, 25.0), 2),
        "age": draw.randrange(100),
        "new": draw.random() < 0.5,
        "kind": draw.choice(("flat", "house", "flat", "house", "boat")),
    }
    luck = draw.random()
    if luck < 0.02:
        return None
    if luck < 0.04:
        features["size"] = None
    elif luck < 0.06:
        del features["age"]
    elif luck < 0.07:
        features["age"] = "old"
    elif luck < 0.08:
        features["garden"] = True
    elif luck < 0.09:
        features["new"] = 5
    return features


def _truth(model: str, draw: random.Random) -> Any:
    if model == "price":
        return round(draw.gauss(80.0, 30.0), 2)
    if model == "fraud":
        return draw.random() < 0.3
    if model == "topic":
        return draw.choice(_CLASSES)
    return float(draw.randrange(0, 50)) if model == "demand" else draw.choice(_MOODS)


def _malformed(role: str, now: float, draw: random.Random) -> bytes | None:
    """One of each kind of record that cannot be read."""
    good: dict[str, Any] = {"model": "price", "prediction_id": "x", "timestamp": now, "label": 1.0}
    if role == "predictions":
        good = {"model": "price", "version": "1", "timestamp": now, "prediction": 1.0}
    kinds: list[bytes | None] = [
        None,
        _json(good | {"model": "x" * MAX_RECORD_BYTES}),
        b'{"model": "\xff\xfe"}',
        b"{not json",
        b'{"model": "price", "prediction_id": "x", "timestamp": NaN, "label": NaN, "prediction": NaN}',
        _json({"timestamp": now}),
        _json(good | {"timestamp": "yesterday"}),
        _json(good | {"timestamp": now + 7200.0}),
        _json(good | {"timestamp": 12.0}),
        _json(good | {"model": "m" * 300}),
    ]
    if role == "predictions":
        kinds += [
            _json(good | {"features": [1, 2]}),
            _json(good | {"segments": "north"}),
            _json(good | {"score": 1.5}),
        ]
    return draw.choice(kinds)


def _json(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()
