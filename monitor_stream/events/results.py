"""What JUDGE finds: windows and incidents for anybody on Kafka, and one document per model for readers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from monitor_stream.events.delta import Outcome
from monitor_stream.events.spec import Distance, Stage, Task


class Metrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Performance over some scored pairs. A metric that cannot be computed is absent and has its reason.

    Names: regression ``mae rmse bias wape r2``; binary ``accuracy precision recall f1 log_loss brier auc base_rate
    mean_score``; multiclass ``accuracy macro_f1 log_loss``.
    """

    scored: int = 0
    bad: int = 0
    values: dict[str, float] = {}
    not_computable: dict[str, str] = {}


class SegmentResult(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one segment in a window."""

    segment: str
    value: str
    n: int
    metrics: Metrics


class FeatureResult(msgspec.Struct, frozen=True, kw_only=True):
    """A feature in a window: how many values, what was wrong with them, mean and standard deviation of the rest."""

    name: str
    values: int
    missing: int
    wrong_type: int
    out_of_range: int
    unseen: int
    mean: float | None = None
    std: float | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One tumbling window of one model version: [start, end) in event time, of the predictions in it.

    It is published when it closes, again with a higher `revision` when late data changed it, and a last time when it
    is `settled`: every prediction in it has its label, or has waited for the whole horizon.
    """

    model: str
    version: str
    start: datetime
    end: datetime
    revision: int
    settled: bool
    n: int
    failed: int
    labelled: int
    labelled_share: float
    reference: str
    metrics: Metrics
    segments: list[SegmentResult] = []
    features: list[FeatureResult] = []
    quality: dict[str, int] = {}
    latency_mean_seconds: float | None = None
    label_delay_mean_seconds: float | None = None


Direction = Literal["worse", "better", "moved"]
#: `adwin` and `page_hinkley` follow single errors; `level` and `cusum` the mean error of drift spans against the spread
#: that the reference's spans had.
Detector = Literal["adwin", "page_hinkley", "level", "cusum"]


class Detection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A detector saw the error level change.

    `event_time` is the order time of the error that gave the alarm, `seen` how many errors the version had been
    scored on by then, `before` and `after` the mean error on either side, in the unit of the error signal.
    `confirmed` says that the level after the change lies beyond what the reference's spans make likely: only then it
    is a reason for an incident.
    """

    model: str
    version: str
    detector: Detector
    direction: Direction
    event_time: datetime
    seen: int
    before: float
    after: float
    confirmed: bool = False


class ColumnDrift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far one column of a span is from its reference: a feature, or ``__prediction__``, ``__score__``, ``__target__``.

    `expected` is what `value` would be on average, and `threshold` what it would exceed once in the false-alarm budget,
    if nothing had moved; both follow from n. `p_value` is before the correction for many columns, `drifted` after it and
    beyond the floor of the effect. `top` names the bins or categories that moved most, with their shares before and now.
    """

    column: str
    n: int
    method: Distance | None = None
    value: float | None = None
    expected: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    drifted: bool = False
    others: dict[str, float] = {}
    top: list[tuple[str, float, float]] = []
    not_computable: str = ""


class DriftSpan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Drift of one version over [start, end), one span or several with too few values each.

    It is judged when the span closes, with what is in it, and again when it is `settled` (labels too, then).
    `drifted_share` is the share of drifted features, `drifted_share_weighted` the same by importance. `multivariate` has the
    methods that look at rows as a whole. `swapped` names features that seem to have exchanged their values.
    """

    model: str
    version: str
    start: datetime
    end: datetime
    revision: int
    settled: bool
    n: int
    reference: str
    columns: list[ColumnDrift] = []
    drifted_share: float | None = None
    drifted_share_weighted: float | None = None
    multivariate: list[ColumnDrift] = []
    swapped: list[tuple[str, str]] = []
    not_computable: str = ""


#: What an incident is about. `error`: performance; `feature_drift`, `prediction_drift` (score too), `label_drift`,
#: `multivariate_drift`: distributions; `quality`: values that are missing, wrong, unseen, frozen or swapped; `volume`: how
#: many predictions come.
Signal = Literal[
    "error",
    "feature_drift",
    "prediction_drift",
    "label_drift",
    "multivariate_drift",
    "quality",
    "volume",
]
Severity = Literal["warning", "critical"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check on one signal of one column over [start, end): it fires, or it does not.

    What evaluators tell the incidents. `check` is the method, detector or quality check; `column` is ``""`` where the signal has
    none; `value`, `expected` and `threshold` are in the unit of the check; `effect` ranks findings: how many times its
    threshold a value is. `detail` is one sentence for a person. `since`, in the evidence of an incident, is where the first
    finding of this check began that is part of it.
    """

    signal: Signal
    check: str
    column: str = ""
    firing: bool = True
    severity: Severity = "warning"
    direction: Direction = "moved"
    start: datetime
    end: datetime
    n: int = 0
    value: float | None = None
    expected: float | None = None
    threshold: float | None = None
    effect: float = 1.0
    detail: str = ""
    since: datetime | None = None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody has seen an incident, or wants to hear nothing of it until a time."""

    by: str
    at: datetime
    note: str = ""
    silenced_until: datetime | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a person should know: one for one change, however many checks and columns saw it.

    `id` is made of model, version and the finding that opened it, so a re-published incident is the same incident.
    `pending` has fired once and waits for a second look; nobody is told. `critical` pages: loss, measured or estimated.
    `signals` are those that fire now, of a resolved one those that did. `evidence` has the newest finding that fired of each
    (signal, column, check), errors first, then the strongest. `acknowledged` is laid over it by the readers: JUDGE does
    not know.
    """

    id: str
    model: str
    version: str
    state: Literal["pending", "open", "resolved"]
    severity: Severity
    direction: Direction
    signals: list[Signal]
    opened: datetime
    updated: datetime
    resolved: datetime | None = None
    summary: str
    evidence: list[Finding] = []
    acknowledged: Acknowledgement | None = None


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Cumulative since the first event: `counts[i]` values at most `bounds[i]` and above the bound before; the last
    one counts what lies above all.
    """

    bounds: list[float]
    counts: list[int]
    sum: float


class VersionTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Exact totals since the first event of the version: what counters on ``/metrics`` show.

    `predictions`, `scored` and `bad` are by value of the spec's first segment (``""`` where there is none), bounded,
    so that a sum over them is the whole.
    """

    predictions: dict[str, int]
    scored: dict[str, int]
    bad: dict[str, int]
    failed: int
    outcomes: dict[Outcome, int]
    quality: dict[str, int]
    features: dict[str, dict[str, int]]  # feature → {values, missing, wrong_type, out_of_range, unseen}
    detections: dict[Detector, int]
    latency: Histogram
    label_delay: Histogram
    absolute_error: Histogram | None  # regression only
    late_rows: int  # rows for windows that had settled: in the totals, in no window


class Rolling(msgspec.Struct, frozen=True, kw_only=True):
    """Windows merged over the last `seconds` before the newest closed one's end; `n` predictions, and their metrics."""

    seconds: float
    end: datetime
    n: int
    metrics: Metrics


class VersionResults(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one version. `windows` are the newest 100, `days` the newest 400, oldest first."""

    version: str
    task: Task
    owner: str
    tier: str
    stage: Stage
    inferred: bool
    digest: str
    objective: float | None
    staleness_seconds: float
    min_samples: int
    baseline: dict[str, float]
    baseline_limit: dict[
        str, float
    ]  # metric → the value beyond which it left the baseline's band (mean ± 3 std)
    totals: VersionTotals
    pending: int
    newest_prediction: float | None
    newest_label: float | None
    errors_seen: int
    drift_detected: bool
    rolling: dict[Literal["5m", "1h", "1d"], Rolling]
    windows: list[Window]
    days: list[Window]
    detections: list[Detection]  # the newest 100
    drift: list[DriftSpan] = []  # the newest 100; of all but a few only what had drifted, and the label
    incidents_opened: dict[Severity, int] = {}  # since the first event, by the severity they opened with
    reference_made: float | None = None  # when the references were, or up to when they were learned


class ModelResults(msgspec.Struct, frozen=True, kw_only=True):
    """The document of one model: `results` of JUDGE, under the key ``model:NAME``."""

    model: str
    updated: float
    outcomes: dict[Outcome, int]  # labels that belong to no version
    forks: int  # sources that went back in time
    gaps: int  # deltas that never came
    watermark: float | None
    versions: dict[str, VersionResults]
    incidents: list[Incident]  # open ones, and the newest 100 resolved


class SourceResults(msgspec.Struct, frozen=True, kw_only=True):
    """The document of one OBSERVE partition, under the key ``source``: exact totals of what it read."""

    partition: int
    records: dict[str, int]  # topic role → records read
    dead_letters: dict[str, dict[str, int]]  # topic role → reason → records
    pending: int
    newest: dict[str, float]  # topic role → newest event time
