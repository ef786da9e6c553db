"""What happened to a version, and when it was known."""

from __future__ import annotations

from typing import Literal

import msgspec

from monitor_stream.events.results import SegmentLoss

Value = float | str | None
What = Literal["version", "spec", "volume", "quality", "latency", "failures", "upstream"]


class Sampled(msgspec.Struct, frozen=True, array_like=True, tag="sampled"):
    """A few rows of [start, end), by feature; `known` when the span had closed."""

    known: float
    start: float
    end: float
    rows: list[dict[str, Value]]


class Losses(msgspec.Struct, frozen=True, array_like=True, tag="losses"):
    """The segments that carried most of the loss of [start, end); `known` when all labels were in."""

    known: float
    start: float
    end: float
    segments: list[SegmentLoss]


class Changed(msgspec.Struct, frozen=True, array_like=True, tag="changed"):
    """Something that was different from `start` on; it was seen by `end`, and `known` then."""

    known: float
    start: float
    end: float
    what: What
    detail: str


class Leaning(msgspec.Struct, frozen=True, array_like=True, tag="leaning"):
    """How much the model leaned on each feature over [start, end): shares of their attributions."""

    known: float
    start: float
    end: float
    shares: dict[str, float]


Fact = Sampled | Losses | Changed | Leaning
