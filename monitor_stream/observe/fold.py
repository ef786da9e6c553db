"""OBSERVE, the first fold: decode and validate, join labels to predictions, add up by window and group."""

from __future__ import annotations

from operator import attrgetter
from typing import Final, Self

from monitor_stream.events.codec import encode_json
from monitor_stream.events.ended import Ended
from monitor_stream.events.fold import Batch, Changes, Limits, Outputs, Seat, State, Topic
from monitor_stream.events.results import SourceResults
from monitor_stream.events.spec import Specs
from monitor_stream.observe.decode import Decoder, Envelope, LabelEnvelope, Rejects
from monitor_stream.observe.emit import Piece, collect, deltas
from monitor_stream.observe.evict import make_room
from monitor_stream.observe.intake import Part, Rows, grouped, positioned, read, rows_of, take_in
from monitor_stream.observe.persist import Header, Unsaid, Writer
from monitor_stream.observe.registry import Registry
from monitor_stream.observe.values import hashes

#: Seconds. Time alone is told in steps of the allowed disorder, and no smaller ones than this: a thousand models that
#: are silent must not send a thousand deltas a second to say so.
LEAST_STEP: Final = 1.0


class Observe:
    """One partition of predictions and labels; see `monitor_stream.events.fold.Fold`.

    Examples
    --------
    >>> from monitor_stream.events.codec import decode_delta
    >>> from monitor_stream.events.spec import Specs
    >>> fold = Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs(), Limits())
    >>> event = b'{"model": "m", "prediction_id": "a", "timestamp": 1e9, "prediction": 3.5}'
    >>> fold.apply(Batch(topic="predictions", offsets=[0], timestamps=[1e9], values=[event]))
    >>> (message,) = fold.drain().messages
    >>> decode_delta(message.value).versions["0"].pending
    1
    """

    def __init__(self, seat: Seat, specs: Specs, limits: Limits) -> None:
        self._seat, self._limits = seat, limits
        self._registry = Registry(specs, limits.max_models)
        self._rejects = Rejects(seat.partition)
        self._records: dict[str, int] = {}
        self._pieces: list[Piece] = []
        self._ends: dict[Topic, Ended] = {"predictions": Ended(), "labels": Ended()}
        self._alone: tuple[str, str] | None = (
            None  # the version that all predictions of the last batch were of
        )
        self._store = Writer()
        self._predictions = Decoder(Envelope, limits.max_record_bytes)
        self._labels = Decoder(LabelEnvelope, limits.max_record_bytes)

    @classmethod
    def restore(cls, state: State, seat: Seat, specs: Specs, limits: Limits) -> Self:
        """The fold as it was at the commit that wrote `state`; raises `UnknownSchemaError`."""
        fold = cls(seat, specs, limits)
        if state:
            held = fold._store.read(state)
            fold._registry.adopt(held.models, held.header.eras)
            fold._records = held.header.records
            fold._rejects.counts = held.header.dead_letters
            fold._pieces, fold._rejects.messages = held.unsaid.pieces, held.unsaid.messages
        return fold

    def apply(self, batch: Batch) -> None:
        """Take in records of "predictions" or "labels"; those of another topic raise `ValueError`."""
        if batch.topic not in self._ends:
            raise ValueError(f"observe reads predictions and labels, not {batch.topic}")
        self._ends[batch.topic].tell(batch.ended)
        if not len(batch.values):
            return
        self._records[batch.topic] = self._records.get(batch.topic, 0) + len(batch.values)
        if batch.poison:
            for index in range(len(batch.values)):
                self._rejects.add(batch, index, "poison", batch.poison)
            return
        if batch.topic == "predictions":
            self._apply_predictions(batch)
        else:
            self._apply_labels(batch)
        make_room(self._registry.models.values(), self._limits.max_pending)

    def tick(self, now: float) -> None:
        """Tell the processing time: a model that is idle in a topic does not wait for it."""
        for end in self._ends.values():
            end.tick(now)
        for name, model in self._registry.models.items():
            disorder = self._registry.terms(name).allowed_disorder_seconds
            model.tick(now, self._ends, self._limits.idle_timeout_seconds, disorder)

    def drain(self) -> Outputs:
        """Deltas of every model with news, the records set aside, and the document of this source."""
        self._collect()
        messages = self._rejects.messages
        by_model: dict[str, list[Piece]] = {}
        for piece in self._pieces:
            by_model.setdefault(piece.model, []).append(piece)
        for name, model in self._registry.models.items():
            disorder = self._registry.terms(name).allowed_disorder_seconds
            watermark = max(model.clock.prediction - disorder, model.clock.time)
            pieces = by_model.get(name, [])
            if pieces or model.outcomes or model.has_news(watermark, max(disorder, LEAST_STEP)):
                messages.extend(deltas(model, pieces, self._seat, watermark))
        self._rejects.messages, self._pieces = [], []
        return Outputs(messages, {"source": encode_json(self._source())})

    def changes(self) -> Changes:
        """State written since the last call; what was not drained is part of it."""
        self._collect()
        header = Header(self._registry.era_number, self._records, self._rejects.counts)
        return self._store.write(header, Unsaid(self._pieces, self._rejects.messages), self._registry.models)

    def _collect(self) -> None:
        for name, model in self._registry.models.items():
            model.expire(self._registry.terms(name).duplicate_window_seconds)
            for version in model.versions.values():
                for era in version.eras.values():
                    if era.dirty:
                        self._pieces.extend(collect(model, version, era))
                version.retire()

    def _apply_predictions(self, batch: Batch) -> None:
        parts: dict[str, list[Part]] = {}
        for (name, version_name), group in self._grouped(batch):
            limit = self._registry.max_future(name, version_name)
            rows = group.reject_times(self._rejects, limit)
            if not len(rows):
                continue
            version = self._registry.version(name, version_name)
            if version is None:
                rows.reject_all(
                    self._rejects, "out_of_bounds", "this partition follows as many models as it may"
                )
                continue
            for era, some in self._registry.eras(name, version, rows):
                part = read(some, version, era, self._rejects)
                if part is not None:
                    parts.setdefault(name, []).append(part)
        for name, some_parts in parts.items():
            model = self._registry.models[name]
            model.compared = self._registry.compared(name)
            terms = self._registry.terms(name)
            for part, positions in positioned(model, some_parts, terms.allowed_disorder_seconds):
                take_in(model, part, positions, terms.duplicate_window_seconds)
            model.heard("predictions", terms.allowed_disorder_seconds)

    def _grouped(self, batch: Batch) -> list[tuple[tuple[str, str], Rows]]:
        """Predictions by model and version.

        While all of them are of one version, their features are decoded with them: that saves a second pass.
        """
        era = self._registry.settled(*self._alone) if self._alone else None
        if era is not None:
            decoded = self._predictions.decode_as(batch, era.features.row, era.segments.row)
            if decoded is not None:
                groups = list(grouped(rows_of(batch, decoded, typed=True), "model", "version"))
                if [key for key, _ in groups] == [self._alone]:
                    return groups
        decoded = self._predictions.decode(batch, self._rejects)
        groups = list(grouped(rows_of(batch, decoded), "model", "version"))
        self._alone = groups[0][0] if len(groups) == 1 else None
        return groups

    def _apply_labels(self, batch: Batch) -> None:
        decoded = self._labels.decode(batch, self._rejects)
        for name, group in grouped(rows_of(batch, decoded), "model"):
            terms = self._registry.terms(name)
            rows = group.reject_times(self._rejects, terms.max_future_seconds)
            if not len(rows):
                continue
            model = self._registry.labelled(name)
            if model is None:
                rows.reject_all(
                    self._rejects, "out_of_bounds", "this partition follows as many models as it may"
                )
                continue
            model.compared = self._registry.compared(name)
            model.apply_labels(
                hashes(map(attrgetter("prediction_id"), rows.events)),
                rows.times,
                model.clock.positions("labels", rows.times, terms.allowed_disorder_seconds),
                list(map(attrgetter("label"), rows.events)),
                terms.duplicate_window_seconds,
            )
            model.heard("labels", terms.allowed_disorder_seconds)

    def _source(self) -> SourceResults:
        models = self._registry.models.values()
        newest = {
            "predictions": max((model.clock.prediction for model in models), default=0.0),
            "labels": max((model.clock.label for model in models), default=0.0),
        }
        return SourceResults(
            partition=self._seat.partition,
            records=self._records,
            dead_letters=self._rejects.counts,
            pending=sum(version.pending for model in models for version in model.versions.values()),
            newest={topic: time for topic, time in newest.items() if time},
        )
