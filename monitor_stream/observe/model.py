"""One model in one partition: its clock, its remembered labels, and its versions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Ints, Outcome
from monitor_stream.events.ended import Ended
from monitor_stream.events.fold import Topic
from monitor_stream.observe.clock import Clock, Silence
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.era import Era, EraState
from monitor_stream.observe.join import labels_of, predictions_of, repeats
from monitor_stream.observe.journal import State
from monitor_stream.observe.runs import Buffer, Query
from monitor_stream.observe.scoring import Classes, Truths
from monitor_stream.observe.scoring.multiclass import text_of


class VersionState(msgspec.Struct):
    """What of a version is written: its eras by number, and its newest times; see `Version`."""

    name: str
    eras: list[int]
    newest_prediction: float | None
    newest_label: float | None
    provisional: bool
    seen: float = 0.0


class ModelState(msgspec.Struct):
    """What of a model is written beside its labels and its eras.

    `chain` is (epoch, number) of the newest delta, `announced` the watermark and the clock it told, `announced_idle`
    whether it said that the model is idle.
    """

    name: str
    clock: Clock
    chain: tuple[int, int]
    announced: tuple[float, float]
    labelled: bool
    outcomes: dict[Outcome, int]
    truth_classes: list[str]
    versions: list[VersionState]
    announced_idle: bool = False


class Version:
    """A version: its eras, the last of which takes in what comes, from its start on.

    It is `provisional` while its spec was inferred from failed predictions alone, which tell nothing of the task. `seen`
    is the newest time of a prediction, also of one that was set aside later.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.eras: dict[int, Era] = {}
        self.newest_prediction: float | None = None
        self.newest_label: float | None = None
        self.provisional = False
        self.seen = 0.0

    @property
    def era(self) -> Era | None:
        """The newest era."""
        return self.eras[max(self.eras)] if self.eras else None

    @property
    def pending(self) -> int:
        """Predictions that wait."""
        return sum(era.waiting.open for era in self.eras.values())

    def read_by(self, times: Floats, disorder: float) -> Iterator[tuple[Era, Ints]]:
        """Which era reads which of some predictions, in the order of their topic.

        The one in force at the prediction's time, or, for one that comes later than the disorder allows, at the earliest
        time at which it would not have: so an era is over once the newest prediction has left it so far behind.
        """
        numbers = sorted(self.eras)
        newest = self.eras[numbers[-1]]
        if newest.start == -math.inf:
            self.seen = max(self.seen, float(times.max()))
            yield newest, np.arange(len(times))
            return
        ahead = np.maximum.accumulate(np.concatenate(([self.seen], times)))
        places = np.maximum(times, ahead[:-1] - disorder)
        readers = np.zeros(len(times), np.int64)
        for at, number in enumerate(numbers):
            readers[places >= self.eras[number].start] = at
        self.seen = float(ahead[-1])
        for era in self.eras.values():
            if era.start <= self.seen - disorder:
                era.start = -math.inf
        for run in np.split(np.arange(len(times)), np.flatnonzero(np.diff(readers)) + 1):
            yield self.eras[numbers[readers[run[0]]]], run

    def retire(self) -> None:
        """Drop eras that are over and hold nothing."""
        reading = max((number for number, era in self.eras.items() if era.start == -math.inf), default=0)
        for number in [n for n, era in self.eras.items() if not era.waiting.held and not era.dirty]:
            if number < reading:
                del self.eras[number]


class Model:
    """See the module's docstring. While its versions are `compared`, scored pairs are sampled for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock = Clock()
        self.silence: dict[Topic, Silence] = {"predictions": Silence(), "labels": Silence()}
        self.labels = Buffer()
        self.labelled = False
        self.truth_classes = Classes()
        self.versions: dict[str, Version] = {}
        self.outcomes: dict[Outcome, int] = {}
        self.chain = (0, 0)
        self.announced = (0.0, 0.0)
        self.idle = self.announced_idle = False
        self.compared = False

    @property
    def state(self) -> ModelState:
        """What is written, see `ModelState`."""
        versions = [
            VersionState(v.name, sorted(v.eras), v.newest_prediction, v.newest_label, v.provisional, v.seen)
            for v in self.versions.values()
        ]
        return ModelState(
            self.name,
            self.clock,
            self.chain,
            self.announced,
            self.labelled,
            self.outcomes,
            self.truth_classes.names,
            versions,
            self.announced_idle,
        )

    @classmethod
    def restore(cls, state: ModelState, labels: Buffer, eras: Mapping[int, tuple[EraState, Buffer]]) -> Model:
        """The model that `state` was taken of."""
        model = cls(state.name)
        model.clock, model.chain, model.announced = state.clock, state.chain, state.announced
        model.announced_idle = state.announced_idle
        model.labels, model.labelled, model.outcomes = labels, state.labelled, state.outcomes
        model.truth_classes.learn(state.truth_classes)
        for known in state.versions:
            version = model.versions[known.name] = Version(known.name)
            version.newest_prediction, version.newest_label = known.newest_prediction, known.newest_label
            version.provisional, version.seen = known.provisional, known.seen
            for number in known.eras:
                era_state, waiting = eras[number]
                version.eras[number] = Era(era_state.spec, model.truth_classes, era_state)
                version.eras[number].waiting = waiting
        return model

    def count(self, outcome: Outcome, number: int) -> None:
        """Count what became of labels that belong to no version."""
        if number:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number

    def find_repeats(self, version: Version, hashes: Array, positions: Floats, window: float) -> Array:
        """Which predictions repeat an id of their version."""
        held = [era.waiting for era in version.eras.values()]
        return repeats(hashes, positions, Query(hashes), held, window)

    def admit(self, version: Version, era: Era, predictions: Columns, window: float) -> None:
        """Take in predictions that can be joined: with the label that waits for them, or to wait for theirs."""
        predictions["state"] = np.full(len(predictions["hash"]), State.OPEN, np.uint8)
        query = Query(predictions["hash"])
        matches = labels_of(predictions, query, self.labels, era.spec.horizon_seconds, window)
        if len(matches):
            labels = {name: matches.column(name) for name in ("hash", "time", "position", "kind", "word")}
            joined = {name: column[matches.entry] for name, column in predictions.items()}
            self._join(version, era, joined, labels)
            predictions["state"][matches.entry] = State.TAKEN
            self.labels.mark(matches.select(_unique(matches.column("seq"))), State.TAKEN)
        era.waiting.add(predictions)

    def apply_labels(
        self, hashes: Array, times: Floats, positions: Floats, values: Sequence[Any], window: float
    ) -> None:
        """Take in labels in the order of their topic."""
        truths = Truths.of(values)
        if not self.truth_classes.full:
            alike = len(set(map(type, values))) == 1  # else True would be taken for 1.0
            self.truth_classes.learn(map(text_of, dict.fromkeys(values) if alike else values))
        query = Query(hashes)
        repeat = repeats(hashes, positions, query, [self.labels], window)
        self.count("duplicate", int(repeat.sum()))
        labels: Columns = {
            "hash": hashes,
            "time": times,
            "position": positions,
            "kind": truths.kind,
            "word": truths.word,
            "state": np.full(len(hashes), State.OPEN, np.uint8),
        }
        if repeat.any():
            labels = {name: column[~repeat] for name, column in labels.items()}
            query = Query(labels["hash"])
        if not len(query):
            return
        for version in self.versions.values():
            for era in version.eras.values():
                matches = predictions_of(labels, query, era.waiting, era.spec.horizon_seconds, window)
                if len(matches):
                    joined = {name: matches.column(name) for name in era.columns}
                    self._join(version, era, joined, {n: c[matches.entry] for n, c in labels.items()})
                    era.waiting.mark(matches, State.TAKEN)
                    labels["state"][matches.entry] = State.TAKEN
        self.labels.add(labels)

    def _join(self, version: Version, era: Era, predictions: Columns, labels: Columns) -> None:
        era.count("joined", len(labels["time"]))
        version.newest_label = max(version.newest_label or 0.0, float(labels["time"].max()))
        era.score(predictions, Truths(labels["kind"], labels["word"]), labels, compared=self.compared)

    def expire(self, window: float) -> None:
        """Forget what the clock has passed."""
        self.count(
            "orphan",
            self.labels.expire(
                self.clock.time, lambda rows: (rows["position"] + window, rows["position"] + window)
            ),
        )
        for version in self.versions.values():
            for era in version.eras.values():
                horizon = era.spec.horizon_seconds
                vain = era.waiting.expire(
                    self.clock.time,
                    lambda rows, horizon=horizon: (rows["time"] + horizon, rows["position"] + window),  # type: ignore[misc]
                )
                era.count("expired", vain)

    def heard(self, topic: Topic, disorder: float) -> None:
        """Go on after events of a topic were taken in."""
        self.silence[topic].heard, self.idle = True, False
        self.clock.advance(disorder)

    def has_news(self, watermark: float, step: float) -> bool:
        """Whether watermark or clock have gone on by a step since they were last announced, or idleness changed."""
        told = self.announced
        moved = watermark - told[0] >= step or self.clock.time - told[1] >= step
        return moved or self.idle != self.announced_idle

    def tick(self, now: float, ends: Mapping[Topic, Ended], timeout: float, disorder: float) -> None:
        """Go on without the topics in which the model is idle; without both, at the pace of the wall."""
        silent: dict[Topic, float] = {}
        for topic, silence in self.silence.items():
            silence.tick(now)
            silent[topic] = silence.seconds(ends[topic], timeout)
        idle = [topic for topic, seconds in silent.items() if seconds >= timeout]
        self.idle = len(idle) == len(silent)
        if self.idle:
            self.clock.reach(self.clock.newest + min(silent.values()) - disorder)
        elif idle:
            self.clock.advance(disorder, skip=idle[0])


def _unique(keys: Array) -> Array:
    return np.unique(keys, return_index=True)[1]
