"""One batch of predictions on its way in: grouped, checked against what each model expects, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from monitor_stream.events.deadletter import Reason
from monitor_stream.events.delta import Floats
from monitor_stream.events.fold import Batch
from monitor_stream.observe.columns import Array
from monitor_stream.observe.columns import select as select_rows
from monitor_stream.observe.decode import Decoded, Envelope, Rejects
from monitor_stream.observe.era import Era
from monitor_stream.observe.features import FeatureRows
from monitor_stream.observe.model import Model, Version
from monitor_stream.observe.values import hashes

T = TypeVar("T")

#: 2000-01-01: an earlier time is a unit mixed up, or no clock at all.
OLDEST: Final = 946684800.0


class Rows(msgspec.Struct):
    """Some events of a batch: which records they are, and when they happened."""

    batch: Batch
    events: Sequence[Any]
    records: Array
    times: Floats
    stamps: Floats  # of their Kafka records
    unknown: Array
    typed: bool  # whether features and segments were read with the event

    def __len__(self) -> int:
        return len(self.events)

    def select(self, chosen: Array) -> Rows:
        """Some of the events, by index."""
        if len(chosen) == len(self.events):
            return self
        return Rows(
            self.batch,
            pick(self.events, chosen),
            self.records[chosen],
            self.times[chosen],
            self.stamps[chosen],
            self.unknown[chosen],
            self.typed,
        )

    def reject_times(self, rejects: Rejects, max_future: float) -> Rows:
        """Set aside events whose time cannot be right."""
        ahead, old = self.times > self.stamps + max_future, self.times < OLDEST
        bad = ahead | old
        if not bad.any():
            return self
        for event in bad.nonzero()[0].tolist():
            record, time = int(self.records[event]), self.times[event]
            if ahead[event]:
                detail = f"{time - self.stamps[event]:.0f} s ahead of its record, at most {max_future:.0f} s are believed"
                rejects.add(self.batch, record, "timestamp_in_future", detail)
            else:
                rejects.add(self.batch, record, "timestamp_too_old", f"{time!r} s is before the year 2000")
        return self.select((~bad).nonzero()[0])

    def reject(self, rejects: Rejects, bad: dict[int, Any]) -> Array:
        """Set aside events by number; the numbers of the others."""
        for event, (reason, detail) in bad.items():
            rejects.add(self.batch, int(self.records[event]), reason, detail)
        keep = np.ones(len(self), bool)
        keep[list(bad)] = False
        return keep.nonzero()[0]

    def reject_all(self, rejects: Rejects, reason: Reason, detail: str) -> None:
        """Set aside all events."""
        for record in self.records.tolist():
            rejects.add(self.batch, record, reason, detail)


class Part(msgspec.Struct):
    """Predictions of one version under one spec, read and ready to be counted."""

    version: Version
    era: Era
    rows: Rows
    features: FeatureRows
    segments: list[Sequence[Any]]

    def select(self, chosen: Array) -> Part:
        """Some of the predictions, by index."""
        if len(chosen) == len(self.rows):
            return self
        return Part(
            self.version,
            self.era,
            self.rows.select(chosen),
            self.features.select(chosen),
            [pick(column, chosen) for column in self.segments],
        )


def rows_of(batch: Batch, decoded: Decoded, *, typed: bool = False) -> Rows:
    """The events of a batch with their times; one without a time has its record's."""
    events, count = decoded.events, len(decoded.events)
    records = np.arange(count) if decoded.records is None else np.array(decoded.records, np.int64)
    stamps = np.array(batch.timestamps, np.float64)
    stamps = stamps if decoded.records is None else stamps[records]
    raw = list(map(attrgetter("timestamp"), events))
    try:
        times = np.array(raw, np.float64)  # None becomes NaN
    except TypeError:
        times = np.array([t.timestamp() if isinstance(t, datetime) else t for t in raw], np.float64)
    times = np.where(np.isnan(times), stamps, times)
    unknown = np.zeros(count, bool) if decoded.unknown is None else np.array(decoded.unknown, bool)
    return Rows(batch, events, records, times, stamps, unknown, typed)


def grouped(rows: Rows, *fields: str) -> Iterator[tuple[Any, Rows]]:
    """Events by one or more of their fields, each group in the order of the topic."""
    if not len(rows):
        return
    keys = list(map(attrgetter(*fields), rows.events))
    if keys.count(keys[0]) == len(keys):
        yield keys[0], rows
        return
    numbers: dict[Any, int] = {}
    group = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group))
    for key, number in numbers.items():
        yield key, rows.select(order[ends[number - 1] if number else 0 : ends[number]])


def positioned(model: Model, parts: list[Part], disorder: float) -> Iterator[tuple[Part, Floats]]:
    """The position times of a model's predictions: all versions share one clock."""
    if len(parts) == 1:
        yield parts[0], model.clock.positions("predictions", parts[0].rows.times, disorder)
        return
    order = np.argsort(np.concatenate([part.rows.records for part in parts]))
    positions = np.empty(len(order))
    times = np.concatenate([part.rows.times for part in parts])
    positions[order] = model.clock.positions("predictions", times[order], disorder)
    yield from zip(parts, np.split(positions, np.cumsum([len(p.rows) for p in parts])[:-1]), strict=True)


def read(rows: Rows, version: Version, era: Era, rejects: Rejects) -> Part | None:
    """Read features and segments; `None` where no event is left."""
    raw_features = list(map(attrgetter("features"), rows.events))
    raw_segments = list(map(attrgetter("segments"), rows.events))
    if rows.typed:
        features = era.features.tabulate(raw_features, rows.times)
        segments = era.segments.tabulate(raw_segments)
        return Part(version, era, rows, features, segments)
    features = era.features.read(raw_features, rows.times)
    segments, bad = era.segments.read(raw_segments)
    part = Part(version, era, rows, features, segments)
    if bad or features.rejected:
        part = part.select(rows.reject(rejects, bad | features.rejected))
    return part if len(part.rows) else None


def take_in(model: Model, part: Part, positions: Floats, window: float) -> None:
    """Count predictions, and hand on those that can be joined. `positions` are their position times."""
    version, era, rows = part.version, part.era, part.rows
    version.newest_prediction = max(version.newest_prediction or 0.0, float(rows.times.max()))
    late = positions - rows.times > era.spec.horizon_seconds
    if late.any():
        # Their own window may be settled; they are counted in the one in which they came.
        era.check("late", era.windows(positions), late)
        part, positions = part.select((~late).nonzero()[0]), positions[~late]
    ids = list(map(attrgetter("prediction_id"), part.rows.events))
    errors = list(map(attrgetter("error"), part.rows.events))
    without_id = np.array([name is None for name in ids], bool)
    failed = np.array([error is not None for error in errors], bool)
    named = np.flatnonzero(~(without_id | failed))
    hashed = np.zeros(len(ids), np.uint64)
    hashed[named] = hashes(pick(ids, named))
    if len(named):
        repeat = model.find_repeats(version, hashed[named], positions[named], window)
        if repeat.any():
            repeated = np.zeros(len(ids), bool)
            repeated[named[repeat]] = True
            era.check("duplicate", era.windows(part.rows.times), repeated)
            keep = (~repeated).nonzero()[0]
            part, positions, hashed = part.select(keep), positions[keep], hashed[keep]
            without_id, failed = without_id[keep], failed[keep]
    if len(part.rows):
        _count(model, part, positions, hashed, without_id=without_id, failed=failed, window=window)


def _count(
    model: Model,
    part: Part,
    positions: Floats,
    hashed: Array,
    *,
    without_id: Array,
    failed: Array,
    window: float,
) -> None:
    era, rows, features = part.era, part.rows, part.features
    events: Sequence[Envelope] = rows.events
    windows, spans = era.windows(rows.times), era.spans(rows.times)
    segments = era.segments.codes(len(rows), part.segments, features.columns)
    latency = np.array(list(map(attrgetter("latency_seconds"), events)), np.float64)
    era.observe_traffic(windows, segments, failed, latency)
    era.observe_features(windows, spans, features)
    era.observe_attributions(windows, list(map(attrgetter("attributions"), events)))
    named, values = ~(without_id | failed), rows.batch.values
    found = era.observe_outliers(windows, features)
    era.keep_examples(found, named, rows.times, hashed, lambda event: values[int(rows.records[event])])
    answered = (~failed).nonzero()[0]
    answering = pick(events, answered)
    answers = era.scorer.answers(answering)
    answered_windows, answered_spans = windows.select(answered), spans.select(answered)
    era.observe_answers(answered_windows, answered_spans, segments[answered], answers)
    era.foretell(answered_windows, answers, features.matrix, answered)
    era.check("without_prediction", answered_windows, answers.missing)
    era.check("unfit_prediction", answered_windows, answers.unfit)
    if answers.unfit_interval is not None:
        era.check("unfit_interval", answered_windows, answers.unfit_interval)
    era.check("without_id", windows, without_id)
    era.check("unknown_field", windows, rows.unknown)
    era.check("unknown_feature", windows, features.unknown)
    era.check("absent_feature", windows, features.absent & ~failed)
    joinable = (~without_id[answered]).nonzero()[0]
    if len(joinable):
        chosen = answered[joinable]
        era.sample(
            spans.select(chosen), hashed[chosen], features, chosen, era.sampled_answers(answers)[joinable]
        )
        model.admit(
            part.version,
            era,
            {
                "hash": hashed[chosen],
                "position": positions[chosen],
                "time": rows.times[chosen],
                "word": answers.word[joinable],
                "segments": segments[chosen],
                **select_rows(era.scorer.waiting(answers), joinable),
            },
            window,
        )


def pick(values: Sequence[T], chosen: Array) -> Sequence[T]:
    """Some of a list, by index."""
    return values if len(chosen) == len(values) else [values[index] for index in chosen.tolist()]
