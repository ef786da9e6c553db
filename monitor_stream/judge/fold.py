"""Fold 2: deltas become windows, totals, detections and incidents."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, Self

from monitor_stream.events.cloudevents import incident_message
from monitor_stream.events.codec import encode_json, moment
from monitor_stream.events.deadletter import DeadLetter, Reason
from monitor_stream.events.ended import Ended
from monitor_stream.events.fold import Batch, Changes, Limits, Message, Outputs, Seat, State, Topic
from monitor_stream.events.spec import Specs
from monitor_stream.judge.incidents import Told
from monitor_stream.judge.model import Model
from monitor_stream.judge.persist import Journal, Kind, fields
from monitor_stream.judge.reading import Arrived, UnreadableDeltaError, read
from monitor_stream.judge.results import document

#: What a dead letter shows of its record.
_SHOWN_BYTES: Final = 1024


class Judge:
    """See `monitor_stream.events.fold.Fold` for the calls and their order, docs/design/folds.md for the rules.

    >>> from monitor_stream.events.spec import Specs
    >>> judge = Judge.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs(), Limits())
    >>> judge.tick(0.0)
    >>> judge.drain().results
    {}
    """

    def __init__(self, journal: Journal, seat: Seat, specs: Specs, limits: Limits) -> None:
        self._journal = journal
        self._seat = seat
        self._specs = specs
        self._limits = limits
        self._models: dict[str, Model] = {}
        self._versions = 0
        self._messages: list[Message] = []
        self._now: float | None = None
        self._ended = Ended()

    @classmethod
    def restore(cls, state: State, seat: Seat, specs: Specs, limits: Limits) -> Self:
        """The fold as it was at the commit that wrote `state`; raises `UnknownSchemaError` on another version's state."""
        judge = cls(Journal(state), seat, specs, limits)
        for name, of_model in _by_model(state).items():
            model = judge._add_model(name)
            model.restore(of_model)
            judge._versions += len(model.versions)
        return judge

    def apply(self, batch: Batch) -> None:
        """Add deltas; those that cannot be read become dead letters."""
        self._ended.tell(batch.ended)
        touched: dict[str, Model] = {}
        for at, value in enumerate(batch.values):
            if batch.poison:
                self._set_aside(batch, at, "poison", batch.poison)
                continue
            if value is None:
                self._set_aside(batch, at, "tombstone", "a record without a value")
                continue
            try:
                arrived = read(value)
            except UnreadableDeltaError as error:
                self._set_aside(batch, at, "wrong_type", str(error))
                continue
            model = self._take(arrived, batch, at)
            if model is not None:
                touched[model.name] = model
        for model in touched.values():
            model.advance(self._now, self._ended.at, self._limits.idle_timeout_seconds)

    def tick(self, now: float) -> None:
        """Give up sources that were never heard, and revise windows."""
        self._now = now if self._now is None else max(now, self._now)
        self._ended.tick(self._now)
        for model in self._models.values():
            model.advance(self._now, self._ended.at, self._limits.idle_timeout_seconds)
            model.revise(self._now, self._limits.revision_interval_seconds)

    def finish(self) -> None:
        """Nothing comes any more: close and settle every window, feed every error."""
        for model in self._models.values():
            model.finish(self._now)

    def drain(self) -> Outputs:
        """Windows and incidents since the last drain, and the documents of the models that changed."""
        messages, self._messages = self._messages, []
        results: dict[str, bytes | None] = {}
        for model in self._models.values():
            if model.changed:
                results[f"model:{model.name}"] = document(model, self._now)
                model.changed = False
        return Outputs(messages, results)

    def changes(self) -> Changes:
        """State to write since the last call."""
        return self._journal.take()

    def _take(self, arrived: Arrived, batch: Batch, at: int) -> Model | None:
        """The delta's model where the delta was new, and there was room for it."""
        delta = arrived.delta
        model = self._models.get(delta.model)
        if model is not None and not model.is_new(delta, self._now):
            return None
        if model is None and len(self._models) >= self._limits.max_models:
            self._set_aside(batch, at, "out_of_bounds", self._full(delta.model, list(delta.versions)))
            return None
        new = [name for name in delta.versions if model is None or name not in model.versions]
        refused = new[max(self._limits.max_models - self._versions, 0) :]
        if refused:
            self._set_aside(batch, at, "out_of_bounds", self._full(delta.model, refused))
        if model is None:
            if refused and len(refused) == len(delta.versions):
                return None
            model = self._add_model(delta.model)
            model.is_new(delta, self._now)
        model.take(arrived, self._specs, [name for name in delta.versions if name not in refused])
        self._versions += len(new) - len(refused)
        return model

    def _full(self, model: str, versions: list[str]) -> str:
        return (
            f"{model} {', '.join(versions)}: this partition follows {self._versions} model versions already, "
            f"`max_models` is {self._limits.max_models}"
        )

    def _add_model(self, name: str) -> Model:
        def say(message: Message) -> None:
            self._messages.append(message)

        def say_incident(told: Told) -> None:
            say(incident_message(told.incident, told.happening, told.at))

        model = self._models[name] = Model(name, self._journal, say, say_incident)
        return model

    def _set_aside(self, batch: Batch, at: int, reason: Reason, detail: str) -> None:
        value = batch.values[at]
        letter = DeadLetter(
            reason=reason,
            detail=detail[:500],
            topic=batch.topic,
            partition=self._seat.partition,
            offset=batch.offsets[at],
            timestamp=moment(batch.timestamps[at]),
            size=len(value or b""),
            value=None if value is None else value[:_SHOWN_BYTES],
        )
        self._say("deadletters", None, encode_json(letter))

    def _say(self, topic: Topic, key: bytes | None, value: bytes) -> None:
        self._messages.append(Message(topic, key, value))


def _by_model(state: State) -> dict[str, dict[str | None, dict[Kind, list[tuple[list[Any], bytes]]]]]:
    """The fields by model, version (``None``: the model's own) and kind."""
    parted: dict[str, dict[str | None, dict[Kind, list[tuple[list[Any], bytes]]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for kind, parts, data in fields(state):
        model, *rest = parts
        version, rest = (rest[0], rest[1:]) if rest else (None, rest)
        parted[model][version][kind].append((rest, data))
    return parted
