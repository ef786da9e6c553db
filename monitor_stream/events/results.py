"""What JUDGE finds: windows and incidents for anybody on Kafka, and one document per model for readers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from monitor_stream.events.delta import Example, Outcome
from monitor_stream.events.spec import Distance, ServiceRules, Stage, Task


class Metrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Performance over some scored pairs. A metric that cannot be computed is absent and has its reason.

    Names: regression ``mae rmse bias wape r2 coverage interval_width``; binary ``accuracy precision recall f1 log_loss brier auc
    ece base_rate mean_score``; multiclass ``accuracy macro_f1 log_loss ece``. `intervals` are of 95 %, by the sampling of pairs.
    """

    scored: int = 0
    bad: int = 0
    values: dict[str, float] = {}
    not_computable: dict[str, str] = {}
    intervals: dict[str, tuple[float, float]] = {}


class Estimates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Performance as it is likely to be, before labels came: over `n` predictions, by the spec's `Estimator`.

    `values` has metrics by the names of `Metrics`, `bands` where the realised value is to be expected in 95 of 100 windows if
    nothing but the input moved (sampling, and how far estimates were off on the reference). `not_computable` says why one is
    missing. `near_threshold` and `uncertainty` are means of scores as they came, and need no estimator. `contradicted` says
    that, when the window was published, labels did not bear out what was foretold lately: do not trust these.
    """

    n: int = 0
    values: dict[str, float] = {}
    bands: dict[str, tuple[float, float]] = {}
    not_computable: dict[str, str] = {}
    near_threshold: float | None = None
    uncertainty: float | None = None
    contradicted: bool = False


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
    latency_quantiles: dict[str, float] = {}  # "0.5" "0.9" "0.95" "0.99" → seconds, within 6 %
    timeouts: int = 0
    outlier_share: float | None = None
    estimates: Estimates | None = None


class CalibrationBin(msgspec.Struct, frozen=True, kw_only=True):
    """Scored pairs whose score lay in one bin: how many, their mean score, the share that was positive and its 95 % interval."""

    n: int
    mean_score: float
    positive_share: float
    low: float
    high: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a score of .3 comes true three times in ten: the reliability curve of [start, end), and what follows from it.

    `ece` is the mean distance between mean score and share of positives over the bins, weighted by their size. The Brier score is
    ``reliability - resolution + uncertainty`` (Murphy, 1973), but for what scores differ within a bin.
    """

    start: datetime
    end: datetime
    n: int
    bins: list[CalibrationBin]
    ece: float
    reliability: float
    resolution: float
    uncertainty: float


class GroupResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one sensitive group got: rates with their 95 % intervals, over `n` predictions and `scored` labels.

    Names: binary ``selection_rate true_positive_rate false_positive_rate positive_predictive_value accuracy calibration_bias ece``;
    multiclass the same, the rates with the class behind, ``selection_rate[cat]``; regression ``mean_prediction bias mae``.
    `calibration_bias` is mean score less the share that came true. `ece` has no interval.
    """

    value: str
    n: int
    scored: int
    values: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}


FairnessVerdict = Literal["fair", "unfair", "too early to say"]


class FairnessGap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The largest difference between two groups in one respect, with an interval that holds those of all pairs at 95 %.

    `criterion`: ``demographic_parity equal_opportunity equalised_odds predictive_parity calibration`` (classification),
    ``mean_prediction bias mae`` (regression). `low` and `high` are of the difference; `ratio` is smaller over larger rate. The
    verdict needs the whole interval on one side of the rule's limit.
    """

    criterion: str
    difference: float
    low: float
    high: float
    ratio: float | None = None
    highest: str = ""
    lowest: str = ""
    metric: str = ""  # of `GroupResult`, on which they differ
    verdict: FairnessVerdict = "too early to say"


class Fairness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one sensitive attribute's groups fared over [start, end); groups too small for a verdict are listed all the same."""

    attribute: str
    start: datetime
    end: datetime
    groups: list[GroupResult] = []
    gaps: list[FairnessGap] = []
    not_computable: str = ""


class SegmentLoss(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of the loss of [start, end) a segment carries: `loss` is its excess error over the rest, times its size, over all.

    `metric` is the error rate or the mean absolute error; `low` and `high` its 95 % interval. Ranked by the lower end of the
    excess: by loss carried, not by noise.
    """

    segment: str
    value: str
    n: int
    metric: float
    low: float
    high: float
    rest: float
    loss: float


class Contradiction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Labels against what was foretold of them: the mean gap (error less foretold error) and where it lies with certainty 1 − α at
    any time one looks (a confidence sequence). `active` since `since` until they agree again; `labels` is how many had been
    looked at when it became so, `seen` how many were looked at in all.
    """

    active: bool
    since: datetime | None = None
    labels: int = 0
    seen: int = 0
    gap: float = 0.0
    low: float = 0.0
    high: float = 0.0
    times: int = 0  # how often it became active


class AttributionDrift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which features the model leans on over [start, end), against the ranking of the reference (`Feature.importance`).

    `shares` is the mean absolute attribution of each feature over the sum of all; `rank_correlation` is Spearman's,
    `ndcg` with the reference's importance as gain.
    """

    start: datetime
    end: datetime
    n: int
    shares: dict[str, float] = {}
    rank_correlation: float | None = None
    ndcg: float | None = None
    drifted: bool = False
    not_computable: str = ""


ComparisonVerdict = Literal["better", "worse", "no difference", "too early to say"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A challenger (or shadow) against the champion of its model: `effect` is its mean error less the champion's, below 0 where it
    is better, in [low, high] with certainty 1 − α however often one looks.

    `paired` says whether both answered the same ids, or were only at work in the same spans. `n` is how many pairs (or
    predictions of the challenger) count. `group` is a segment's, where the spec asks for it. While too few spans are known, `low` and
    `high` are as far off as errors like those seen allow. It has `ended` when a new spec gave one of the two another role, or other
    rules. `not_computable` says why two versions cannot be compared.
    """

    model: str = ""
    champion: str
    challenger: str
    group: str = ""
    paired: bool
    n: int
    spans: int
    since: datetime
    until: datetime
    champion_error: float
    challenger_error: float
    effect: float
    low: float
    high: float
    alpha: float
    verdict: ComparisonVerdict = "too early to say"
    decided: datetime | None = None
    ended: datetime | None = None
    not_computable: str = ""


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
#: many predictions come; `estimated_error`: performance as it is likely to be, before labels; `contradiction`: labels do not
#: bear that out; `fairness`: groups are treated unlike; `outliers`: single predictions unlike the reference;
#: `attribution_drift`: the model leans on other features; `service`: answers that are late or fail.
Signal = Literal[
    "error",
    "estimated_error",
    "contradiction",
    "fairness",
    "service",
    "feature_drift",
    "prediction_drift",
    "label_drift",
    "multivariate_drift",
    "quality",
    "volume",
    "outliers",
    "attribution_drift",
]
Severity = Literal["warning", "critical"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check on one signal of one column over [start, end): it fires, or it does not.

    What evaluators tell the incidents. `check` is the method, detector or quality check; `column` is ``""`` where the signal has
    none; `value`, `expected` and `threshold` are in the unit of the check; `effect` ranks findings: how many times its
    threshold a value is. `detail` is one sentence for a person. `top`, of drift, names the bins or categories that moved most,
    as `ColumnDrift` does. `since`, in the evidence of an incident, is where the first finding of this check began that is part
    of it.
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
    top: list[tuple[str, float, float]] = []
    since: datetime | None = None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody has seen an incident, or wants to hear nothing of it until a time."""

    by: str
    at: datetime
    note: str = ""
    silenced_until: datetime | None = None


class Suspect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A feature that may be why: `rank` is drift (value over threshold) times importance (its share of all; 1/k where nobody said).

    `drift` is of its distribution, or of what is broken about its values, whichever is further beyond its threshold; `detail`
    says it in a sentence, `top` which bins or categories moved most, with their shares before and now.
    """

    feature: str
    rank: float
    drift: float
    importance: float | None = None
    top: list[tuple[str, float, float]] = []
    detail: str = ""


class OtherChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something else that changed at about the same time."""

    what: Literal["version", "spec", "volume", "quality", "latency", "failures", "upstream"]
    at: datetime
    detail: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about the cause of an incident.

    `since` is the start of the first window affected. `before` and `after` are a few sampled rows from either side of it, by feature
    (masked ones hidden, none where the spec does not want examples stored).
    """

    since: datetime
    suspects: list[Suspect] = []
    segments: list[SegmentLoss] = []
    changes: list[OtherChange] = []
    before: list[dict[str, float | str | None]] = []
    after: list[dict[str, float | str | None]] = []


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
    why: Explanation | None = None
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
    """Windows merged over the last `seconds` before the newest closed one's end; `n` predictions, their metrics, and what was
    foretold of the same predictions.
    """

    seconds: float
    end: datetime
    n: int
    metrics: Metrics
    estimates: Estimates | None = None
    latency_quantiles: dict[str, float] = {}  # as in `Window`


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
    service: ServiceRules = ServiceRules()  # the objective for answers, from the spec
    reference_made: float | None = None  # when the references were, or up to when they were learned
    # Of the newest settled days that could be judged, a week where there is one:
    calibration: Calibration | None = None
    fairness: list[Fairness] = []
    segment_losses: list[SegmentLoss] = []  # the 10 that carry most
    attribution: AttributionDrift | None = None
    contradiction: Contradiction | None = None
    examples: list[Example] = []  # of the newest day that has some


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
    comparisons: list[Comparison] = []


class SourceResults(msgspec.Struct, frozen=True, kw_only=True):
    """The document of one OBSERVE partition, under the key ``source``: exact totals of what it read."""

    partition: int
    records: dict[str, int]  # topic role → records read
    dead_letters: dict[str, dict[str, int]]  # topic role → reason → records
    pending: int
    newest: dict[str, float]  # topic role → newest event time
