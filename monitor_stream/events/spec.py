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
#: What a feature is. A timestamp is followed by its age at the prediction (seconds), text by its length (characters,
#: an empty one counts as missing), a vector by its Euclidean norm and the moments of its components.
Kind = Literal["numeric", "categorical", "boolean", "timestamp", "text", "vector"]
#: Distances between a column's reference and what it is now; see `monitor_stream.judge.drift`.
Distance = Literal["psi", "js", "wasserstein", "ks", "chi2", "hellinger", "tvd", "kl"]
Stage = Literal["champion", "challenger", "shadow"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

#: Classes beyond these, and segment values beyond `max_segment_values`, are counted together.
OTHER = "__other__"
MAX_CLASSES = 50

Seconds = Annotated[float, Meta(gt=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class NumericReference(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="numeric"):
    """A numeric column of the reference rows: `edges` are the inner edges of equal-mass bins (outer ones open).

    `shares` has one entry a bin (`len(edges) + 1`); with few distinct values there are fewer bins. `missing_std` is how
    far the missing share differs from span to span, sampling apart. `seasons`, where it was asked for, has the shares
    for each hour of the week (168 lists, Monday 00:00 UTC first).
    """

    n: int
    missing: Share
    missing_std: float = 0.0
    mean: float
    std: float
    minimum: float
    maximum: float
    edges: list[float]
    shares: list[float]
    seasons: list[list[float]] = []


class CategoricalReference(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="categorical"):
    """A categorical column of the reference rows: the shares of its commonest values, and of the rest.

    `distinct` counts its values and `singletons` those that came once: by Good and Turing the share of values that
    were never seen is about ``singletons / n``.
    """

    n: int
    missing: Share
    missing_std: float = 0.0
    shares: dict[str, float]
    other: Share = 0.0
    distinct: int = 0
    singletons: int = 0
    seasons: list[list[float]] = []


Reference = NumericReference | CategoricalReference


class Feature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input of the model. Values outside `minimum` and `maximum` are counted as out of range.

    `dimension` is how many components a vector has; where it is 0, as many as the first one that comes.
    """

    name: Name
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    importance: float | None = None
    reference: Reference | None = None
    dimension: Annotated[int, Meta(ge=0)] = 0


class Baseline(msgspec.Struct, frozen=True):
    """A metric on the reference: its mean over reference windows, their standard deviation, how many there were."""

    mean: float
    std: float = 0.0
    windows: int = 0


class ErrorScale(msgspec.Struct, frozen=True, omit_defaults=True):
    """Mean and standard deviation of the error signal (absolute error, or 0/1) on the reference rows.

    `between` is the standard deviation of its mean from span to span (see `DriftRules`) beyond what sampling explains:
    0 for independent errors, more where errors come in weathers and seasons. `spans` says how many it was measured on.
    `within` is the same of eighths of a span, which have hours in them as well, and `persistence` how the mean of a span
    correlates with that of the next.
    """

    mean: float
    std: float
    between: float = 0.0
    spans: int = 0
    within: float = 0.0
    persistence: float = 0.0


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How one distance of one column behaves when nothing has moved.

    A distance T has a quadratic form U: itself for ``psi`` and ``kl``, its square for the others. With a window of n
    and a reference of m values, ``U / (1/n + 1/m)`` follows a gamma distribution of shape `shapes[i]` and scale
    `scales[i]` at ``n = sizes[i]``, linear in log n between, constant outside. `design_effect` (1 or more) stretches
    it where rows of one span resemble each other; it was measured on `spans` spans of the reference (0: assumed).
    The gamma law is right in its upper tail, not in the middle: `means`, where they were measured, are those of
    ``U / (1/n + 1/m)`` for ``psi`` and ``kl``, and of its root for the others.
    """

    method: Distance
    sizes: list[int]
    shapes: list[float]
    scales: list[float]
    means: list[float] = []
    design_effect: float = 1.0
    spans: int = 0


class DriftRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """When a column counts as drifted.

    Parameters
    ----------
    span_seconds
        Drift is judged on spans of event time of this length, aligned to the epoch; a day by default, since a morning
        differs from an evening. Spans with too few values are judged together with those that follow.
    false_alarms_per_month
        How many incidents a month may be false, over all columns of the version.
    columns
        Calibrations by column (features, ``__prediction__``, ``__score__``, ``__target__``). The first one judges, the others are
        shown.
    floors
        The least effect that counts, by method: below it a difference may be real, and nobody cares.
    sliding_spans
        Where it is not 0, the reference is what so many spans before the judged one held.
    """

    span_seconds: Seconds = DAY
    false_alarms_per_month: Annotated[float, Meta(gt=0.0)] = 1.0
    columns: dict[str, list[Calibration]] = {}
    floors: dict[Distance, float] = {}
    sliding_spans: Annotated[int, Meta(ge=0, le=400)] = 0


class IsotonicMap(msgspec.Struct, frozen=True, kw_only=True):
    """From a score to the share of the reference rows with it that were positive: linear between the points, constant
    outside (isotonic regression by pool adjacent violators; Zadrozny and Elkan, 2002).
    """

    scores: list[float]
    probabilities: list[float]


class LossModel(msgspec.Struct, frozen=True, kw_only=True):
    """The absolute error that is to be expected of a prediction in a regression: `intercept` plus one weight for each column,
    by the bin of the column's reference into which its value falls; the last weight is that of a missing value. Columns are
    features and ``__prediction__``. A sum below 0 counts as 0.
    """

    intercept: float
    weights: dict[str, list[float]]


class Estimator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How right a model is likely to be, before labels come; fitted on the reference rows.

    Parameters
    ----------
    maps
        Binary: the map of the positive class, under its name. Multiclass: one for each class.
    loss
        Regression.
    spread
        Metric → how far the realised value lay from the estimated one over the windows of the reference, sampling apart
        (standard deviation).
    gap
        Of error less foretold error: its mean and spread over the drift spans of the reference, as an error signal.
    rows
        How many reference rows it was fitted on.
    """

    maps: dict[str, IsotonicMap] = {}
    loss: LossModel | None = None
    spread: dict[str, float] = {}
    gap: ErrorScale | None = None
    rows: int = 0


class CategoryPair(msgspec.Struct, frozen=True, kw_only=True):
    """Which values of two categorical features came together in the reference rows.

    `seen[i]` is a bit mask in hexadecimal of the values of `second` that came with the i-th value of `first`, or are too rare to
    say. The values are those of the references' `shares`, in the order of their names: an order of keys does not outlive JSON.
    """

    first: Name
    second: Name
    seen: list[Annotated[str, Meta(pattern="^[0-9a-f]+$")]]


class OutlierRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a single prediction is unlike the reference.

    A number is beyond its cut where ``|value - median| / (IQR / 1.349)``, both of the feature's reference, is above `cuts`; two
    categories, both known, where they never came together; a value that the reference has not seen always is. `share` is the
    share of the reference's own rows that are outliers by this, `std` how far it differs from span to span, sampling apart.
    """

    cuts: dict[str, float] = {}
    pairs: list[CategoryPair] = []
    share: float = 0.0
    std: float = 0.0


class FairnessRules(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """From where on groups are treated unlike: a difference of rates beyond `difference`, or a ratio of rates below `ratio`
    (the four-fifths rule; above its inverse, the other way round). In a regression, a gap of mean errors beyond `difference`
    times the mean absolute error. Nothing is said of groups with fewer than `min_group` predictions (or labels), nor before
    `min_days` days: one day has its weather, and a week its week-end.
    """

    difference: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.1
    ratio: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.8
    min_group: Annotated[int, Meta(ge=10)] = 100
    min_days: Annotated[int, Meta(ge=1, le=30)] = 7


class ServiceRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The model's own objective for its answers: a share `quantile` of them within `latency_seconds`, at most `failed_share`
    failed. What takes longer than `timeout_seconds` counts as a time-out.
    """

    latency_seconds: Seconds | None = None
    quantile: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.99
    failed_share: Share | None = None
    timeout_seconds: Seconds | None = None


class CompareRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a challenger or shadow is held against the champion of its model: by a test that may be looked at any time and is
    wrong with probability `alpha` at most. A difference below `minimum_effect` (in the unit of the error signal) is none. Also
    by the values of `segment`, where one is named.
    """

    alpha: Annotated[float, Meta(gt=0.0, le=0.5)] = 0.05
    minimum_effect: Annotated[float, Meta(ge=0.0)] = 0.0
    segment: str = ""


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
    learned_until
        Where it is not 0, the references were learned from the stream itself, up to this event time.
    sensitive
        Names of groups (found as segments are) between which the model should make no difference.
    segment_pairs
        Pairs of segments whose values are also followed together.
    interval_level
        How often the truth should lie within the `interval` of an event.
    store_examples, masked
        Whether outliers may be kept as they are, for people to look at; and the features whose values are hidden then.
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
    drift: DriftRules = DriftRules()
    created: float = 0.0
    inferred: bool = False
    learned_until: float = 0.0
    segment_pairs: list[tuple[Name, Name]] = []
    interval_level: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.9
    estimator: Estimator | None = None
    outliers: OutlierRules | None = None
    fairness: FairnessRules = FairnessRules()
    service: ServiceRules = ServiceRules()
    compare: CompareRules = CompareRules()
    store_examples: bool = True
    masked: list[Name] = []

    @property
    def key(self) -> str:
        """What it is published under."""
        return spec_key(self.model, self.version)

    @property
    def group_names(self) -> list[str]:
        """What its events are grouped by, each name once: segments, sensitive names, and those that pairs and `compare` name.

        >>> ModelSpec(
        ...     model="m", task="binary", segments=["a"], sensitive=["b", "a"], segment_pairs=[("a", "c")]
        ... ).group_names
        ['a', 'b', 'c']
        """
        others = [*(name for pair in self.segment_pairs for name in pair), self.compare.segment]
        return [name for name in dict.fromkeys([*self.segments, *self.sensitive, *others]) if name]

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


def spec_key(model: str, version: str) -> str:
    """The key that the spec of a version has on the topic.

    >>> spec_key("flight-late", "3")
    'flight-late/3'
    """
    return f"{model}/{version}"


class Specs:
    """The specs in force, by model and version. A version without one is read by its model's newest."""

    def __init__(self, specs: Iterable[ModelSpec] = ()) -> None:
        self._by_version: dict[tuple[str, str], ModelSpec] = {}
        self._newest: dict[str, ModelSpec] = {}
        self._tried: dict[str, set[str]] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: ModelSpec) -> None:
        self._by_version[spec.model, spec.version] = spec
        newest = self._newest.get(spec.model)
        if newest is None or newest.version == spec.version or spec.created >= newest.created:
            self._newest[spec.model] = spec
        tried = self._tried.setdefault(spec.model, set())
        (tried.discard if spec.stage == "champion" else tried.add)(spec.version)

    def remove(self, model: str, version: str) -> None:
        self._by_version.pop((model, version), None)
        self._newest.pop(model, None)
        self._tried.pop(model, None)
        for spec in [s for (name, _), s in self._by_version.items() if name == model]:
            self.add(spec)

    def find(self, model: str, version: str) -> ModelSpec | None:
        return self._by_version.get((model, version)) or self._newest.get(model)

    def compared(self, model: str) -> bool:
        """Whether versions of a model are held against each other: one is a challenger or shadow."""
        return bool(self._tried.get(model))

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._by_version.values())

    def __len__(self) -> int:
        return len(self._by_version)
