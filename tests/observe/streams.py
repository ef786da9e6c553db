"""Small streams of events with everything that can go wrong in them, and ways to read them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.fold import Batch, Limits, Message, Seat, Topic
from monitor_stream.events.spec import (
    CategoricalReference,
    CompareRules,
    DriftRules,
    ErrorScale,
    Estimator,
    Feature,
    IsotonicMap,
    LossModel,
    ModelSpec,
    NumericReference,
    OutlierRules,
    Specs,
)
from monitor_stream.observe import Observe
from tests.observe.reference import LAST

START = 1_000_000_000.0
TERMS: dict[str, Any] = {
    "horizon_seconds": 100.0,
    "allowed_disorder_seconds": 10.0,
    "duplicate_window_seconds": 30.0,
    "window_seconds": 20.0,
    "drift": DriftRules(span_seconds=50.0),
}
#: A horizon below the duplicate window.
SHORT = TERMS | {"horizon_seconds": 20.0}
NUMBERS = NumericReference(
    n=9, missing=0.0, mean=2.5, std=1.0, minimum=0.0, maximum=5.0, edges=[0.0, 2.0, 5.0], shares=[0.25] * 4
)
CLASSES = CategoricalReference(n=9, missing=0.0, shares={"true": 0.5, "false": 0.5})
SPECS = [
    ModelSpec(
        model="price",
        version="1",
        task="regression",
        features=[
            Feature(name="2nd class", kind="numeric", minimum=0.0, maximum=3.0, reference=NUMBERS),
            Feature(
                name="größe",
                kind="categorical",
                reference=CategoricalReference(n=9, missing=0.0, shares={"5": 1.0}),
            ),
            Feature(name="import", kind="boolean"),
        ],
        segments=["country"],
        sensitive=["größe"],
        segment_pairs=[("country", "größe")],
        estimator=Estimator(
            loss=LossModel(
                intercept=1.0,
                weights={
                    "2nd class": [0.5, 0.25, 0.125, 4.0, 2.0],
                    "größe": [-2.0, 1.0, 0.0],
                    "__prediction__": [0.0, 1.5, 0.0, -0.5, 9.0],
                    "unheard": [1.0, 2.0],
                    "import": [1.0, 2.0, 3.0],
                },
            )
        ),
        tolerance=1.0,
        relative_tolerance=0.5,
        prediction=NUMBERS,
        label=NUMBERS,
        error_scale=ErrorScale(mean=2.0, std=1.0),
        outliers=OutlierRules(cuts={"2nd class": 0.75}),
        masked=["import"],
        **TERMS,
    ),
    ModelSpec(
        model="price",
        version="2",
        task="regression",
        features=[Feature(name="x", kind="numeric")],
        segments=["country"],
        stage="challenger",
        compare=CompareRules(segment="country"),
        **TERMS,
    ),
    ModelSpec(
        model="late",
        version="1",
        task="binary",
        features=[Feature(name="x", kind="numeric")],
        segments=["country", "hour"],
        sensitive=["country"],
        estimator=Estimator(
            maps={"true": IsotonicMap(scores=[0.2, 0.4, 0.8], probabilities=[0.1, 0.1, 0.75])}
        ),
        prediction=CLASSES,
        score=NUMBERS,
        label=CLASSES,
        **SHORT,
    ),
    ModelSpec(
        model="late",
        version="0",
        task="multiclass",
        features=[Feature(name="x", kind="numeric")],
        sensitive=["hour", "country"],
        segment_pairs=[("hour", "country"), ("x", "country")],
        estimator=Estimator(
            maps={
                "dog": IsotonicMap(scores=[0.1, 0.9], probabilities=[0.0, 1.0]),
                "1": IsotonicMap(scores=[0.5], probabilities=[0.25]),
            }
        ),
        prediction=CategoricalReference(n=9, missing=0.0, shares={"0": 0.5, "dog": 0.25}, other=0.25),
        label=CLASSES,
        **SHORT,
    ),
]
VERSIONS = [(spec.model, spec.version) for spec in SPECS]

_any_value = st.sampled_from([0.0, 1.0, 2.5, True, False, "true", "0", "dog", -3.25])
_feature = st.sampled_from([None, 0.0, 2.0, 5.0, 7.5, True, "5", "7", [1]])
_attribution = st.sampled_from([0.5, -2, 0.0, None, "1", 1e200])
_end = st.sampled_from([0.0, 1.0, 2.5, -1e101])
_score = st.sampled_from([0.0, 0.125, 0.3, 0.5, 0.9, 1.0])


@st.composite
def _event(draw: st.DrawFn) -> dict[str, Any]:
    model, version = draw(st.sampled_from(VERSIONS))
    event: dict[str, Any] = {"model": model}
    if version != "0":
        event["version"] = version
    if draw(st.integers(0, 9)):
        event["prediction_id"] = str(draw(st.integers(0, 6)))
    if draw(st.integers(0, 9)):
        event["prediction"] = draw(_any_value)
    if draw(st.booleans()):
        event["score"] = draw(_score)
    if draw(st.integers(0, 3)) == 0:
        event["scores"] = {
            name: draw(_score) for name in draw(st.sets(st.sampled_from(["dog", "1", "true"]), min_size=1))
        }
    if draw(st.integers(0, 3)) == 0:
        event["interval"] = [draw(_end), draw(_end)]
    if draw(st.integers(0, 9)) == 0:
        event["error"] = "timeout"
    if draw(st.integers(0, 3)):
        names = ["2nd class", "größe", "import", "x", "unheard"]
        event["features"] = {
            name: draw(_feature) for name in draw(st.lists(st.sampled_from(names), unique=True))
        }
    if draw(st.booleans()):
        event["segments"] = {
            "country": draw(st.sampled_from(["DE", "FR", None])),
            "hour": draw(st.sampled_from([5, 5.5, True])),
        }
    if draw(st.booleans()):
        event["latency_seconds"] = draw(st.sampled_from([0.0, 0.025, 0.3, 99.0]))
    if draw(st.integers(0, 3)) == 0:
        told = draw(st.sets(st.sampled_from(["2nd class", "import", "x", "unheard"])))
        event["attributions"] = draw(st.sampled_from([{name: draw(_attribution) for name in told}, None, 5]))
    if draw(st.integers(0, 9)) == 0:
        event["extra"] = 1
    return event


@st.composite
def _label(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "model": draw(st.sampled_from(["price", "late"])),
        "prediction_id": str(draw(st.integers(0, 6))),
        "label": draw(_any_value),
    }


_BROKEN = [
    None,
    b"",
    b"{",
    b"\xff",
    b'{"model": NaN}',
    b'{"version": "1"}',
    b"[]",
    b'{"model": "price", "features": 5}',
]


@st.composite
def topics(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Events of both topics, in order: dicts, and records that cannot be read."""
    both = []
    for event in (_event(), _label()):
        time = START  # in steps that meet the limits of TERMS exactly
        topic: list[Any] = []
        for _ in range(draw(st.integers(0, 40))):
            if draw(st.integers(0, 19)) == 0:
                topic.append(draw(st.sampled_from(_BROKEN[:-1])))
                continue
            time += draw(st.sampled_from([0.0, 5.0, 5.0, 10.0, 15.0, 45.0]))
            back = draw(st.sampled_from([0.0, 0.0, 5.0, 10.0, 15.0, 55.0, 160.0]))
            topic.append(draw(event) | {"timestamp": time - back})
        both.append(topic)
    return both[0], both[1]


def flush(events: list[Any], kind: Topic) -> list[Any]:
    """The same topic, and then for each model an event so late that nothing can wait any longer."""
    extra = {"prediction": 0.0} if kind == "predictions" else {"label": 0.0, "prediction_id": LAST}
    version = {"price": "2", "late": "0"}
    return events + [
        {"model": model, "timestamp": START + 1e6}
        | extra
        | ({"version": version[model]} if kind == "predictions" else {})
        for model in ("price", "late")
    ]


def encoded(event: Any) -> bytes | None:
    """The record of an event."""
    return json.dumps(event).encode() if isinstance(event, dict) else event


class Reader:
    """Reads topics into a fold, and keeps what it commits: a crash goes back to the last commit."""

    def __init__(self, specs: list[ModelSpec] = SPECS, limits: Limits | None = None) -> None:
        self.specs = Specs(specs)
        self.limits = limits or Limits()
        self.state: dict[str, bytes] = {}
        self.messages: list[Message] = []
        self.epoch = 0
        self.since: list[Batch] = []
        self.fold = self._claim()

    def _claim(self) -> Observe:
        self.epoch += 1
        return Observe.restore(
            self.state, Seat(partition=0, partitions=1, epoch=self.epoch), self.specs, self.limits
        )

    def apply(self, topic: Topic, first: int, values: list[bytes | None]) -> None:
        batch = Batch(
            topic=topic,
            offsets=range(first, first + len(values)),
            timestamps=[START + 1e6] * len(values),
            values=values,
        )
        self.fold.apply(batch)
        self.since.append(batch)

    def commit(self, *, drain: bool = True) -> None:
        """Publish and write, as the shell does; without a drain what was added up must survive in the state."""
        if drain:
            self.messages.extend(self.fold.drain().messages)
        changes = self.fold.changes()
        for key in changes.deletes:
            assert key not in changes.puts
            self.state.pop(key, None)
        self.state.update(changes.puts)
        self.since = []

    def crash(self) -> None:
        """Lose all that was not committed, and read it again."""
        again = self.since
        self.since = []
        self.fold = self._claim()
        for batch in again:
            self.apply(batch.topic, batch.offsets[0], list(batch.values))


class Totals:
    """What the deltas of a run add up to."""

    def __init__(self, messages: list[Message]) -> None:
        self.tables: dict[Any, np.ndarray[Any, Any]] = {}
        self.outcomes: Counter[Any] = Counter()
        self.errors: list[Any] = []
        self.dead: Counter[str] = Counter()
        self.sampled: dict[tuple[str, str, int], list[tuple[int, Any]]] = defaultdict(list)
        self.paired: dict[tuple[str, str, int], list[tuple[int, Any]]] = defaultdict(list)
        self.examples: dict[tuple[str, str, int], list[Any]] = defaultdict(list)
        clocks: dict[str, float] = {}
        chain: dict[str, tuple[int, int]] = {}
        for message in messages:
            if message.topic == "deadletters":
                self.dead[json.loads(message.value)["reason"]] += 1
                continue
            delta = decode_delta(message.value)
            assert message.key == delta.model.encode()
            assert delta.previous == chain.get(delta.model, (0, 0))
            assert delta.number == delta.previous[1] + 1
            chain[delta.model] = (delta.epoch, delta.number)
            self.outcomes.update({(delta.model, "", name): n for name, n in delta.outcomes.items()})
            for version, part in delta.versions.items():
                self._add(delta.model, version, part, clocks.get(delta.model, 0.0))
            assert delta.clock >= clocks.get(delta.model, 0.0)
            clocks[delta.model] = delta.clock

    def _add(self, model: str, version: str, part: Any, clock: float) -> None:
        self.outcomes.update({(model, version, name): n for name, n in part.outcomes.items()})
        for name, table in part.tables.items():
            windows, groups, sums = table.unpack()
            for window, group, row in zip(windows.tolist(), groups, sums, strict=True):
                key = (model, version, name, window, group)
                self.tables[key] = self.tables.get(key, 0.0) + row
        for sample in part.samples:
            hashes, rows = sample.unpack()
            assert (np.diff(hashes) >= 0).all() if len(hashes) else True
            values = [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]
            self.sampled[model, version, sample.start] += zip(hashes.tolist(), values, strict=True)
        for pairs in part.paired:
            hashes, errors, codes = pairs.unpack()
            assert (hashes[1:] >= hashes[:-1]).all()
            values = [[pairs.segments[code]] for code in codes.tolist()] or [[] for _ in hashes]
            some = [[error, *value] for error, value in zip(errors.tolist(), values, strict=True)]
            self.paired[model, version, pairs.start] += zip(hashes.tolist(), some, strict=True)
        for example in part.examples:
            self.examples[model, version, example.start].append(
                (
                    round(-example.score, 9),
                    example.hash,
                    example.time,
                    example.prediction_id,
                    example.reason,
                    example.features,
                )
            )
        if part.scored is not None:
            order, error = part.scored.unpack()
            assert (order >= clock).all(), "scored behind a clock that was announced"
            foretold = [None if np.isnan(one) else one for one in part.scored.foretold().tolist()]
            self.errors += [
                (model, version, *pair) for pair in zip(order.tolist(), error.tolist(), foretold, strict=True)
            ]


def rounded(errors: list[Any]) -> list[Any]:
    """In order; what was foretold is a sum, which has an order of its own."""
    return sorted((*pair, -1.0 if told is None else round(told, 9)) for *pair, told in errors)


def crowded(seed: int) -> tuple[list[Any], list[Any]]:
    """Two long topics with few ids, in steps that meet the limits of the terms: many repeats, many near misses."""
    random = Random(seed)
    topics_: list[list[Any]] = []
    for kind in ("prediction", "label"):
        time = START
        topic = []
        for _ in range(150):
            time += random.choice([0.0, 0.0, 5.0, 5.0, 10.0])
            topic.append(
                {
                    "model": "late",
                    "version": random.choice(["1", "0"]),
                    "prediction_id": str(random.randrange(12)),
                    "timestamp": time - random.choice([0.0, 0.0, 0.0, 5.0, 10.0, 15.0, 30.0]),
                    kind: random.choice([True, False]),
                }
            )
        topics_.append(topic)
    return topics_[0], topics_[1]
