"""The two folds on events from anywhere: no broker, no store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from monitor_stream.events.cloudevents import is_incident
from monitor_stream.events.codec import decode_json, decode_spec
from monitor_stream.events.deadletter import DeadLetter
from monitor_stream.events.fold import Batch, Limits, Message, Outputs, Seat, Topic
from monitor_stream.events.results import Detection, DriftSpan, Incident, ModelResults, Window
from monitor_stream.events.spec import Specs
from monitor_stream.judge import Judge
from monitor_stream.observe import Observe
from monitor_stream.replay.order import Feed
from monitor_stream.replay.table import Timed

#: Events between two drains: enough to share out a delta's cost, and few enough to keep it small.
_DRAIN_EVERY = 20_000
#: Dead letters kept with their reason; the rest are counted.
_MAX_DEAD_LETTERS = 100
_SEAT = Seat(partition=0, partitions=1, epoch=1)


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What a running monitor would have found.

    Parameters
    ----------
    windows
        Every window in its last revision, by model, version and start.
    drift
        Every drift span as it was judged last, by model, version and start.
    detections
        In event time, with the count of errors seen by then.
    incidents
        Each in its last state, in the order of opening.
    models
        The documents of the models as `/metrics` would show them: totals, days, rolling metrics.
    predictions, labels
        Events read, dead letters included.
    dead_letters
        Reason → events that could not be read; `examples` holds the first 100.
    """

    windows: list[Window]
    drift: list[DriftSpan]
    detections: list[Detection]
    incidents: list[Incident]
    models: dict[str, ModelResults]
    predictions: int
    labels: int
    dead_letters: dict[str, int]
    examples: list[DeadLetter]


def replay(
    feed: Feed, specs: Specs, limits: Limits | None = None, *, progress: Callable[[int], None] | None = None
) -> Replay:
    """Run events through both folds to the end.

    Parameters
    ----------
    feed
        Blocks of predictions and labels, each topic in its order. How the two interleave does not matter for the
        result, only for memory: see `merge`.
    specs
        The models; one that is not among them is described by its first event.
    progress
        Told how many events were taken in since the last call.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> prediction = b'{"model": "m", "prediction_id": "a", "timestamp": 1362132900, "prediction": 2.0}'
    >>> label = b'{"model": "m", "prediction_id": "a", "timestamp": 1362132960, "label": 1.5}'
    >>> found = replay(
    ...     [
    ...         ("predictions", Timed(np.array([1362132900.0]), pa.array([prediction]))),
    ...         ("labels", Timed(np.array([1362132960.0]), pa.array([label]))),
    ...     ],
    ...     Specs(),
    ... )
    >>> found.windows[0].metrics.values["mae"]
    0.5
    """
    folds = _Folds(specs, limits or Limits())
    waiting = 0
    for topic, events in feed:
        folds.apply(topic, events)
        waiting += len(events.times)
        if waiting >= _DRAIN_EVERY:
            folds.carry()
            waiting = 0
        if progress is not None:
            progress(len(events.times))
    return folds.finish()


class _Folds:
    """OBSERVE and JUDGE, the first one's deltas handed to the second, and what both say collected."""

    def __init__(self, specs: Specs, limits: Limits) -> None:
        self._specs = Specs(specs)  # a model that has no reference gets one on the way
        self._observe = Observe.restore({}, _SEAT, self._specs, limits)
        self._judge = Judge.restore({}, _SEAT, self._specs, limits)
        self._offsets: dict[Topic, int] = {"predictions": 0, "labels": 0, "deltas": 0}
        self._found = _Found()

    def apply(self, topic: Topic, events: Timed) -> None:
        self._observe.apply(self._batch(topic, events.times.tolist(), events.values.to_pylist()))

    def carry(self) -> None:
        """Hand OBSERVE's deltas to JUDGE, and take what JUDGE has to say."""
        spoken = self._observe.drain()
        self._found.take(spoken)
        deltas = [message.value for message in spoken.messages if message.topic == "deltas"]
        self._judge.apply(self._batch("deltas", [0.0] * len(deltas), deltas))
        judged = self._judge.drain()
        for message in judged.messages:
            if message.topic == "models":
                self._specs.add(decode_spec(message.value))
        self._found.take(judged)
        # Nobody stores the changes here; asking for them lets the folds forget them.
        self._observe.changes()
        self._judge.changes()

    def finish(self) -> Replay:
        self.carry()
        self._judge.finish()
        self.carry()
        return self._found.replay(self._offsets["predictions"], self._offsets["labels"])

    def _batch(self, topic: Topic, timestamps: list[float], values: list[bytes]) -> Batch:
        first = self._offsets[topic]
        self._offsets[topic] += len(values)
        return Batch(
            topic=topic, offsets=range(first, first + len(values)), timestamps=timestamps, values=values
        )


class _WindowKey(msgspec.Struct, frozen=True):
    """The part of a window that names it."""

    model: str
    version: str
    start: datetime
    end: datetime


class _SpanKey(msgspec.Struct, frozen=True):
    """The part of a drift span that names it."""

    model: str
    version: str
    start: datetime


class _VersionDetections(msgspec.Struct):
    detections: list[Detection]


class _Detections(msgspec.Struct):
    """The part of a model's document that is gathered on the way."""

    versions: dict[str, _VersionDetections]


class _Found:
    """The newest of each thing, as bytes until the end."""

    def __init__(self) -> None:
        self._windows: dict[_WindowKey, bytes] = {}
        self._drift: dict[_SpanKey, bytes] = {}
        self._incidents: dict[str, Incident] = {}
        self._documents: dict[str, bytes] = {}
        self._detections: dict[Detection, None] = {}
        self._dead_letters: dict[str, int] = {}
        self._examples: list[DeadLetter] = []
        self._window_key = msgspec.json.Decoder(_WindowKey)
        self._span_key = msgspec.json.Decoder(_SpanKey)

    def take(self, outputs: Outputs) -> None:
        for message in outputs.messages:
            self._take_message(message)
        self._take_results(outputs.results)

    def _take_message(self, message: Message) -> None:
        match message.topic:
            case "windows":
                self._windows[self._window_key.decode(message.value)] = message.value
            case "drift":
                self._drift[self._span_key.decode(message.value)] = message.value
            case "incidents" if is_incident(message.headers):
                incident = decode_json(Incident, message.value)
                self._incidents[incident.id] = incident
            case "deadletters":
                letter = decode_json(DeadLetter, message.value)
                self._dead_letters[letter.reason] = self._dead_letters.get(letter.reason, 0) + 1
                if len(self._examples) < _MAX_DEAD_LETTERS:
                    self._examples.append(letter)
            case _:
                pass

    def _take_results(self, results: Mapping[str, bytes | None]) -> None:
        for name, document in results.items():
            if document is None:
                self._documents.pop(name, None)
            elif name.startswith("model:"):
                self._documents[name] = document
                # A document keeps the newest 100; it is written often enough for none to be missed.
                for version in decode_json(_Detections, document).versions.values():
                    self._detections.update(dict.fromkeys(version.detections))

    def replay(self, predictions: int, labels: int) -> Replay:
        models = [decode_json(ModelResults, document) for document in self._documents.values()]
        # What was told of an incident is how it opened; what it gathered since is in the document.
        newest = {incident.id: incident for model in models for incident in model.incidents}
        incidents = [newest.get(incident.id, incident) for incident in self._incidents.values()]
        windows = [decode_json(Window, value) for value in self._windows.values()]
        drift = [decode_json(DriftSpan, value) for value in self._drift.values()]
        return Replay(
            windows=sorted(
                windows, key=lambda window: (window.model, window.version, window.start, window.end)
            ),
            drift=sorted(drift, key=lambda span: (span.model, span.version, span.start)),
            detections=sorted(
                self._detections, key=lambda found: (found.event_time, found.model, found.version)
            ),
            incidents=sorted(incidents, key=lambda incident: (incident.opened, incident.id)),
            models={document.model: document for document in sorted(models, key=lambda d: d.model)},
            predictions=predictions,
            labels=labels,
            dead_letters=self._dead_letters,
            examples=self._examples,
        )
