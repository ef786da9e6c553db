"""What is known of a model before its first event: task, features, segments, limits, and its reference.

A spec is one readable JSON file, made from training data by ``monitor-stream profile``, published to
``monitor.models``. A model without one is monitored from its first event by a spec inferred from that event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from monitor_stream.events.wire import UNVERSIONED, Name, Prediction

Task = Literal["regression", "binary", "multiclass"]
Kind = Literal["numeric", "categorical", "boolean"]
Stage = Literal["champion", "challenger", "shadow"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

#: Classes beyond these, and segment values beyond `max_segment_values`, are counted together.
OTHER = "__other__"
MAX_CLASSES = 50

Seconds = Annotated[float, Meta(gt=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class NumericReference(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="numeric"):
    """A numeric column of the reference rows: `edges` are the inner edges of equal-mass bins (outer ones open).

    `shares` has one entry a bin (`len(edges) + 1`); with few distinct values there are fewer bins.
    """

    n: int
    missing: Share
    mean: float
    std: float
    minimum: float
    maximum: float
    edges: list[float]
    shares: list[float]


class CategoricalReference(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="categorical"):
    """A categorical column of the reference rows: the shares of its commonest values, and of the rest."""

    n: int
    missing: Share
    shares: dict[str, float]
    other: Share = 0.0


Reference = NumericReference | CategoricalReference


class Feature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input of the model. Values outside `minimum` and `maximum` are counted as out of range."""

    name: Name
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    importance: float | None = None
    reference: Reference | None = None


class Baseline(msgspec.Struct, frozen=True):
    """A metric on the reference: its mean over reference windows, their standard deviation, how many there were."""

    mean: float
    std: float = 0.0
    windows: int = 0


class ErrorScale(msgspec.Struct, frozen=True):
    """Mean and standard deviation of the error signal (absolute error, or 0/1) on the reference rows."""

    mean: float
    std: float


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """See the module's docstring. Every duration is in seconds of event time.

    Parameters
    ----------
    positive
        The class counted as positive in a binary task, as text (``"true"`` for booleans, ``"1"`` for numbers).
    threshold
        The score from which a binary prediction counts as positive, where an event carries only a score.
    segments
        Names looked up in the event's `segments`, then in its features. The first is the one that counters on
        `/metrics` are split by.
    horizon_seconds
        How long after its prediction a label still counts.
    allowed_disorder_seconds
        How far behind the newest event of its topic an event may come and still be in time.
    duplicate_window_seconds
        How long a label, and the id of a joined prediction, is remembered.
    tolerance, relative_tolerance
        A regression is *bad* when its absolute error is above the first, or above that share of the label.
        A classification is bad when it is wrong.
    objective
        The share of scored predictions that should not be bad.
    """

    model: Name
    version: Name = UNVERSIONED
    task: Task
    positive: str = "true"
    threshold: Share = 0.5
    classes: list[str] = []
    features: list[Feature] = []
    segments: list[Name] = []
    sensitive: list[Name] = []
    max_segment_values: Annotated[int, Meta(ge=1, le=1000)] = 50
    window_seconds: Seconds = 5 * MINUTE
    horizon_seconds: Seconds = 7 * DAY
    allowed_disorder_seconds: Annotated[float, Meta(ge=0.0)] = MINUTE
    duplicate_window_seconds: Seconds = HOUR
    max_future_seconds: Seconds = HOUR
    staleness_seconds: Seconds = HOUR
    tolerance: float | None = None
    relative_tolerance: float | None = None
    objective: Share | None = None
    min_samples: Annotated[int, Meta(ge=1)] = 500
    owner: str = ""
    tier: str = ""
    stage: Stage = "champion"
    error_scale: ErrorScale | None = None
    baseline: dict[str, Baseline] = {}
    prediction: Reference | None = None
    score: Reference | None = None
    label: Reference | None = None
    created: float = 0.0
    inferred: bool = False

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that name this spec: what a window was judged against."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:12]

    @classmethod
    def infer(cls, event: Prediction) -> ModelSpec:
        """A spec for a model nobody described, from its first prediction.

        >>> ModelSpec.infer(Prediction(model="m", prediction=3.5)).task
        'regression'
        >>> ModelSpec.infer(Prediction(model="m", score=0.5)).task
        'binary'
        """
        return cls(
            model=event.model,
            version=event.version,
            task=_infer_task(event),
            positive="1" if type(event.prediction) is float else "true",
            segments=sorted(event.segments or ()),
            inferred=True,
        )


def _infer_task(event: Prediction) -> Task:
    if event.scores is not None or isinstance(event.prediction, str):
        return "multiclass"
    if event.score is not None or isinstance(event.prediction, bool):
        return "binary"
    return "regression"


class Specs:
    """The specs in force, by model and version. A version without one is read by its model's newest."""

    def __init__(self, specs: Iterable[ModelSpec] = ()) -> None:
        self._by_version: dict[tuple[str, str], ModelSpec] = {}
        self._newest: dict[str, ModelSpec] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: ModelSpec) -> None:
        self._by_version[spec.model, spec.version] = spec
        newest = self._newest.get(spec.model)
        if newest is None or newest.version == spec.version or spec.created >= newest.created:
            self._newest[spec.model] = spec

    def remove(self, model: str, version: str) -> None:
        self._by_version.pop((model, version), None)
        self._newest.pop(model, None)
        for spec in [s for (name, _), s in self._by_version.items() if name == model]:
            self.add(spec)

    def find(self, model: str, version: str) -> ModelSpec | None:
        return self._by_version.get((model, version)) or self._newest.get(model)

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._by_version.values())

    def __len__(self) -> int:
        return len(self._by_version)
