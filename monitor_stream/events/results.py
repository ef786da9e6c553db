"""What JUDGE finds: windows and incidents for anybody on Kafka, and one document per model for readers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from monitor_stream.events.delta import Outcome
from monitor_stream.events.spec import Stage, Task


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


Direction = Literal["worse", "better"]
Detector = Literal["adwin", "page_hinkley"]


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """A detector saw the error level change.

    `event_time` is the order time of the error that gave the alarm, `seen` how many errors the version had been
    scored on by then, `before` and `after` the mean error on either side, in the unit of the error signal.
    """

    model: str
    version: str
    detector: Detector
    direction: Direction
    event_time: datetime
    seen: int
    before: float
    after: float


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should know: one for one change, whatever number of detectors saw it.

    `id` is made of model, version, signal and opening time, so a re-published incident is the same incident.
    """

    id: str
    model: str
    version: str
    signal: Literal["error"]
    state: Literal["open", "resolved"]
    severity: Literal["warning", "critical"]
    direction: Direction
    opened: datetime
    updated: datetime
    summary: str
    evidence: list[Detection] = []


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
