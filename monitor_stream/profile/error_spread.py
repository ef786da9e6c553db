"""How the error of the reference rows moves from span to span: the spread of the charts that follow it later."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.delta import Floats
from monitor_stream.events.fold import Batch, Limits, Seat
from monitor_stream.events.spec import ErrorScale, ModelSpec, Specs
from monitor_stream.judge.detectors import SpanRules
from monitor_stream.judge.detectors.in_control import PART_ERRORS, PARTS, InControl
from monitor_stream.judge.detectors.scale import REACH, Scale
from monitor_stream.judge.detectors.spans import ErrorSpans
from monitor_stream.judge.errors_in_order import Pairs
from monitor_stream.observe import Observe
from monitor_stream.replay.order import Feed


def scored(feed: Feed, spec: ModelSpec) -> Pairs:
    """The pairs in a feed, as OBSERVE scores them and foretells their errors, sorted by order time."""
    fold = Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs([spec]), Limits())
    found = [Pairs(np.empty(0), np.empty(0), np.empty(0))]
    offsets = {"predictions": 0, "labels": 0}
    for topic, events in feed:
        first = offsets[topic]
        offsets[topic] = first + len(events.times)
        fold.apply(
            Batch(
                topic=topic,
                offsets=range(first, offsets[topic]),
                timestamps=events.times.tolist(),
                values=events.values.to_pylist(),
            )
        )
        found += _said(fold)
    return joined(found).ordered()


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Pairs one behind the other."""
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def with_spread(scale: ErrorScale, times: Floats, errors: Floats, spec: ModelSpec) -> ErrorScale:
    """The scale with the spread of span means, as the chart measures it on a stream; see `spread.between`.

    Parameters
    ----------
    times, errors
        1-D: when each reference row was predicted (Unix seconds), ascending, and its error.
    """
    rules = SpanRules.of(spec)
    scaled = Scale.of(spec.task, scale, reach=REACH)
    signal = scaled.signal(errors)
    runs = list(ErrorSpans(rules.seconds, rules.least).add(times, signal))
    parts = list(ErrorSpans(rules.seconds / PARTS, PART_ERRORS).add(times, signal))
    usual = InControl.of_runs(scale.mean / scaled.unit, scaled.sigma, runs, parts)
    return msgspec.structs.replace(
        scale,
        between=usual.between * scaled.unit,
        spans=usual.spans,
        within=usual.within * scaled.unit,
        persistence=usual.persistence,
    )


def _said(fold: Observe) -> list[Pairs]:
    messages = fold.drain().messages
    fold.changes()
    deltas = [decode_delta(message.value) for message in messages if message.topic == "deltas"]
    parts = [part.scored for delta in deltas for part in delta.versions.values()]
    return [Pairs(*part.unpack(), part.foretold()) for part in parts if part is not None]
