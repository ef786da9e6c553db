"""Every metric of monitor-stream, once: name, type, unit, labels, help. `docs/metrics.md` is made from here.

Conventions: base units, one quantity a metric, ``_total`` on counters, timestamps rather than ages, no scalar as a
label. How many series a metric can have follows from its labels, and each label has a limit; the collector keeps it.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from monitor_stream.events.deadletter import Reason
from monitor_stream.events.delta import Outcome
from monitor_stream.events.results import ComparisonVerdict, Detector, Signal
from monitor_stream.events.spec import Stage, Task
from monitor_stream.events.tables import DELAY_BOUNDS, ERROR_BOUNDS, LATENCY_BOUNDS, Check

Kind = Literal["counter", "gauge", "histogram", "info"]

#: Who exports it: the server, from the documents of the store, or a worker, of itself.
Origin = Literal["server", "worker", "both"]

PREFIX: Final = "monitor_stream_"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label. Its `values`, where they are known beforehand, or the `symbol` that stands for how many there are;
    neither, where it follows from the other labels.
    """

    name: str
    help: str
    values: tuple[str, ...] = ()
    symbol: str = ""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric family.

    Parameters
    ----------
    name
        As Prometheus shows it, prefix and ``_total`` or ``_info`` included.
    unit
        What a value of 1 is one of. Where the name ends in it, it is announced to Prometheus as the unit.
    help
        One sentence without a full stop, as on ``/metrics``.
    advice
        What to do about it; on the reference page only.
    buckets
        How many finite buckets a histogram has.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    section: str
    labels: tuple[Label, ...] = ()
    origin: Origin = "server"
    advice: str = ""
    buckets: int = 0

    @property
    def stem(self) -> str:
        """The name without the suffix that its type adds."""
        return self.name.removesuffix("_total").removesuffix("_info")

    @property
    def announced_unit(self) -> str:
        """The unit for OpenMetrics, which demands that the name ends in it."""
        return self.unit if self.stem.endswith(f"_{self.unit}") else ""

    @property
    def bound(self) -> str:
        """How many series there can be, as a product.

        >>> LABELS.bound
        '5·M·V'
        """
        factors = [str(len(label.values)) for label in self.labels if len(label.values) > 1]
        if self.kind == "histogram":
            factors.insert(0, str(self.buckets + 3))  # the bucket without a bound, the sum, the count
        factors += [label.symbol for label in self.labels if label.symbol]
        return "·".join(factors) or "1"


MODEL: Final = Label(name="model", help="the model's name", symbol="M")
VERSION: Final = Label(name="version", help="its version", symbol="V")
SEGMENT: Final = Label(
    name="segment", help="value of the spec's first segment; `__other__` beyond the limit", symbol="S"
)
FEATURE: Final = Label(name="feature", help="name of the feature; `__other__` beyond the limit", symbol="K")
DRIFT_FEATURE: Final = Label(
    name="feature",
    help="name of the feature, those that moved most first; `__prediction__`, `__score__`, `__target__`; and `__rows__` "
    "for methods that look at rows as a whole",
    symbol="(K+5)",
)
METHOD: Final = Label(name="method", help="which distance: each feature is judged by one")
ATTRIBUTE: Final = Label(name="attribute", help="name of the sensitive attribute", symbol="K")
CRITERION: Final = Label(
    name="criterion",
    help="in which respect groups are compared",
    values=(
        "demographic_parity",
        "equal_opportunity",
        "equalised_odds",
        "predictive_parity",
        "calibration",
        "mean_prediction",
        "bias",
        "mae",
    ),
)
#: Segments that are told by the loss they carry: as many as a document has.
LOSS_SEGMENTS: Final = 10
LOSS_SEGMENT: Final = Label(
    name="segment", help="`name=value` of a segment, those that carry most first", symbol=str(LOSS_SEGMENTS)
)
SHARE: Final = Label(
    name="share", help="this share of the answers took no longer", values=("0.5", "0.9", "0.95", "0.99")
)
CHAMPION: Final = Label(name="champion", help="version of the champion; `version` is the challenger's")
VERDICT: Final = Label(
    name="verdict", help="of the challenger, against the champion", values=get_args(ComparisonVerdict)
)
TOPIC: Final = Label(name="topic", help="name of the topic on the broker", symbol="T")
PARTITION: Final = Label(name="partition", help="number of the partition", symbol="P")

OUTCOME: Final = Label(
    name="outcome",
    help="`joined` to a prediction, `duplicate`, `orphan` (never found one); and predictions that `expired` without "
    "a label or were `evicted` from a full buffer",
    values=get_args(Outcome),
)
WINDOW: Final = Label(name="window", help="how far back, in event time", values=("5m", "1h", "1d"))
SCOPE: Final = Label(name="scope", help="what changed", values=("features", "prediction", "target", "error"))
SIGNAL: Final = Label(name="signal", help="what an incident is about", values=get_args(Signal))
DETECTOR: Final = Label(name="detector", help="which detector", values=get_args(Detector))
SEVERITY: Final = Label(name="severity", help="how urgent", values=("warning", "critical"))
CHECK: Final = Label(
    name="check", help="what was found", values=tuple(check for check in get_args(Check) if check != "late")
)
INVALID: Final = Label(
    name="reason",
    help="`missing`, wrong `type`, outside the `range` of the spec, category `unseen` in the reference",
    values=("missing", "type", "range", "unseen"),
)
DEAD_LETTER: Final = Label(name="reason", help="why it could not be read", values=get_args(Reason))
FOLD: Final = Label(name="fold", help="which half of the pipeline", values=("observe", "judge"))
STAGE: Final = Label(
    name="stage", help="which part of the worker", values=("loop", "observe", "judge", "commit", "publish")
)
REBALANCE: Final = Label(
    name="kind", help="partitions were `assigned` or `revoked`", values=("assigned", "revoked")
)
OVERFLOWED: Final = Label(name="metric", help="name of the metric that was cut", symbol="N")

BY_MODEL: Final = (MODEL,)
BY_VERSION: Final = (MODEL, VERSION)

TRAFFIC: Final = "Traffic"
TRUTH: Final = "Ground truth"
QUALITY: Final = "Quality"
ESTIMATES: Final = "Before labels"
GROUPS: Final = "For whom"
COMPARISONS: Final = "Which version"
SERVICE: Final = "Service"
DRIFT: Final = "Drift and incidents"
DATA: Final = "Data quality"
PIPELINE: Final = "The pipeline, from its results"
SERVER: Final = "The server"
WORKER: Final = "A worker"

PREDICTIONS: Final = Metric(
    name="monitor_stream_predictions_total",
    kind="counter",
    unit="predictions",
    labels=(*BY_VERSION, SEGMENT),
    section=TRAFFIC,
    help="Predictions accepted since the first event of the version",
)
FAILED_PREDICTIONS: Final = Metric(
    name="monitor_stream_failed_predictions_total",
    kind="counter",
    unit="predictions",
    labels=BY_VERSION,
    section=TRAFFIC,
    help="Predictions whose event carried an error instead of an answer",
)
LATENCY: Final = Metric(
    name="monitor_stream_prediction_latency_seconds",
    kind="histogram",
    unit="seconds",
    labels=BY_VERSION,
    section=TRAFFIC,
    help="How long the model took to answer, as its events say",
    buckets=len(LATENCY_BOUNDS),
)
LAST_EVENT: Final = Metric(
    name="monitor_stream_last_event_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_VERSION,
    section=TRAFFIC,
    help="Event time of the newest prediction",
)
STALENESS_LIMIT: Final = Metric(
    name="monitor_stream_staleness_limit_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_MODEL,
    section=TRAFFIC,
    help="How old the newest prediction may be: the longest that a spec of the model allows",
)
MODEL_INFO: Final = Metric(
    name="monitor_stream_model_info",
    kind="info",
    unit="",
    labels=(
        *BY_VERSION,
        Label(name="task", help=" or ".join(f"`{task}`" for task in get_args(Task))),
        Label(name="owner", help="from the spec"),
        Label(name="tier", help="from the spec"),
        Label(name="stage", help=" or ".join(f"`{stage}`" for stage in get_args(Stage))),
    ),
    section=TRAFFIC,
    help="What the spec says of a version, always 1, to join other metrics with",
)
WATERMARK: Final = Metric(
    name="monitor_stream_model_watermark_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_MODEL,
    section=TRAFFIC,
    help="Event time up to which the model's windows are closed",
)

LABELS: Final = Metric(
    name="monitor_stream_labels_total",
    kind="counter",
    unit="labels",
    labels=(*BY_VERSION, OUTCOME),
    section=TRUTH,
    help="What became of labels, and of predictions that never got one",
    advice="Duplicates and orphans belong to no version: theirs is empty. "
    "A rise of `orphan` mostly means that labels carry other prediction ids than predictions do; "
    "`evicted` means that `max_pending` is too small for the label horizon.",
)
PENDING: Final = Metric(
    name="monitor_stream_pending_predictions",
    kind="gauge",
    unit="predictions",
    labels=BY_VERSION,
    section=TRUTH,
    help="Predictions that wait for a label",
)
LAST_LABEL: Final = Metric(
    name="monitor_stream_last_label_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_VERSION,
    section=TRUTH,
    help="Event time of the newest label",
)
LABEL_DELAY: Final = Metric(
    name="monitor_stream_label_delay_seconds",
    kind="histogram",
    unit="seconds",
    labels=BY_VERSION,
    section=TRUTH,
    help="Event time from a prediction to its label",
    buckets=len(DELAY_BOUNDS),
)
LABELLED_RATIO: Final = Metric(
    name="monitor_stream_window_labelled_ratio",
    kind="gauge",
    unit="ratio",
    labels=BY_VERSION,
    section=TRUTH,
    help="Share of the predictions in the newest closed window that have their label",
)
WINDOW_END: Final = Metric(
    name="monitor_stream_window_end_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_VERSION,
    section=TRUTH,
    help="End of the newest closed window, in event time",
)

SCORED: Final = Metric(
    name="monitor_stream_scored_predictions_total",
    kind="counter",
    unit="predictions",
    labels=(*BY_VERSION, SEGMENT),
    section=QUALITY,
    help="Predictions compared with their label",
)
BAD: Final = Metric(
    name="monitor_stream_bad_predictions_total",
    kind="counter",
    unit="predictions",
    labels=(*BY_VERSION, SEGMENT),
    section=QUALITY,
    help="Scored predictions that were wrong, or outside the tolerance",
)
OBJECTIVE: Final = Metric(
    name="monitor_stream_slo_objective_ratio",
    kind="gauge",
    unit="ratio",
    labels=BY_MODEL,
    section=QUALITY,
    help="Share of scored predictions that should not be bad: the strictest objective of the model's versions",
)
ABSOLUTE_ERROR: Final = Metric(
    name="monitor_stream_absolute_error",
    kind="histogram",
    unit="the target's unit",
    labels=BY_VERSION,
    section=QUALITY,
    help="Absolute errors of a regression, in the unit of its target",
    buckets=len(ERROR_BOUNDS),
)
SAMPLES: Final = Metric(
    name="monitor_stream_model_scored_samples",
    kind="gauge",
    unit="samples",
    labels=(*BY_VERSION, WINDOW),
    section=QUALITY,
    help="Scored predictions behind the model's metrics of a window",
)
MIN_SAMPLES: Final = Metric(
    name="monitor_stream_model_min_samples",
    kind="gauge",
    unit="samples",
    labels=BY_VERSION,
    section=QUALITY,
    help="Scored predictions from which the spec trusts a metric; alerts should be gated on it",
)


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """Performance metrics that share a unit and a good direction, and so a family: `current` is over the last
    windows, `baseline` on the reference.
    """

    names: tuple[str, ...]
    higher_is_better: bool | None
    current: Metric
    baseline: Metric


def _measure(family: str, unit: str, names: tuple[str, ...], what: str, *, better: bool | None) -> Measure:
    label = Label(name="metric", help="which one", values=names)
    return Measure(
        names=names,
        higher_is_better=better,
        current=Metric(
            name=f"{PREFIX}model_{family}",
            kind="gauge",
            unit=unit,
            labels=(*BY_VERSION, label, WINDOW),
            section=QUALITY,
            help=f"{what}, over the last closed windows",
        ),
        baseline=Metric(
            name=f"{PREFIX}baseline_{family}",
            kind="gauge",
            unit=unit,
            labels=(*BY_VERSION, label),
            section=QUALITY,
            help=f"{what}, on the reference",
        ),
    )


MEASURES: Final = (
    _measure(
        "quality_ratio", "ratio", ("accuracy", "precision", "recall", "f1", "macro_f1", "auc"),
        "Quality from 0 to 1", better=True,
    ),
    _measure("error", "the target's unit", ("mae", "rmse", "bias"), "Error in the unit of the target", better=False),
    _measure("loss", "1", ("log_loss", "brier"), "Loss of predicted probabilities", better=False),
    _measure("relative_error_ratio", "ratio", ("wape",), "Error relative to the size of the target", better=False),
    _measure("determination_ratio", "ratio", ("r2",), "Share of the target's variance explained", better=True),
    _measure(
        "positive_ratio", "ratio", ("base_rate", "mean_score"),
        "Share of positive labels, and the mean score that should match it", better=None,
    ),
    _measure(
        "calibration_error_ratio", "ratio", ("ece",),
        "Mean distance between what scores say and the share that came true; larger for fewer predictions", better=None,
    ),
    _measure(
        "coverage_ratio", "ratio", ("coverage",),
        "Share of prediction intervals that held their label, which should be what they promise", better=None,
    ),
    _measure("interval_width", "the target's unit", ("interval_width",), "Mean width of prediction intervals", better=None),
)  # fmt: skip
#: The measure that a performance metric belongs to.
MEASURE_OF: Final = {name: measure for measure in MEASURES for name in measure.names}

LIMIT: Final = Metric(
    name="monitor_stream_metric_limit",
    kind="gauge",
    unit="the metric's unit",
    labels=(*BY_VERSION, Label(name="metric", help="which one", values=tuple(MEASURE_OF))),
    section=QUALITY,
    help="Value beyond which a performance metric has left the band of its baseline",
    advice="An upper limit for errors and losses, a lower one for quality. "
    "Join it `on (model, version, metric) group_left ()`.",
)

ESTIMATED_METRIC: Final = Label(name="metric", help="which one", values=tuple(MEASURE_OF))
ESTIMATED: Final = Metric(
    name="monitor_stream_estimated_metric",
    kind="gauge",
    unit="the metric's unit",
    labels=(*BY_VERSION, ESTIMATED_METRIC, WINDOW),
    section=ESTIMATES,
    help="A performance metric as it is likely to be, foretold of predictions that may have no label yet",
    advice="Absent without an estimator in the spec. It rests on what held when the estimator was fitted: believe it while "
    "`monitor_stream_estimate_contradicted` is 0, and compare it with `monitor_stream_metric_limit` as the realised metric.",
)
ESTIMATED_LOW: Final = Metric(
    name="monitor_stream_estimated_metric_low",
    kind="gauge",
    unit="the metric's unit",
    labels=(*BY_VERSION, ESTIMATED_METRIC, WINDOW),
    section=ESTIMATES,
    help="Lower end of the band in which the realised metric is to be expected in 95 of 100 windows",
)
ESTIMATED_HIGH: Final = Metric(
    name="monitor_stream_estimated_metric_high",
    kind="gauge",
    unit="the metric's unit",
    labels=(*BY_VERSION, ESTIMATED_METRIC, WINDOW),
    section=ESTIMATES,
    help="Upper end of the band in which the realised metric is to be expected in 95 of 100 windows",
)
ESTIMATED_SAMPLES: Final = Metric(
    name="monitor_stream_estimated_samples",
    kind="gauge",
    unit="samples",
    labels=(*BY_VERSION, WINDOW),
    section=ESTIMATES,
    help="Predictions behind the estimated metrics of a window",
)
CONTRADICTED: Final = Metric(
    name="monitor_stream_estimate_contradicted",
    kind="gauge",
    unit="1",
    labels=BY_VERSION,
    section=ESTIMATES,
    help="Whether labels do not bear out what was foretold: then estimated metrics are not to be believed",
    advice="By a test that may be looked at any time, and until the labels agree again.",
)
CONTRADICTIONS: Final = Metric(
    name="monitor_stream_estimate_contradictions_total",
    kind="counter",
    unit="contradictions",
    labels=BY_VERSION,
    section=ESTIMATES,
    help="Times that labels began to contradict the estimates, since the first event of the version",
)
ESTIMATE_GAP: Final = Metric(
    name="monitor_stream_estimate_gap",
    kind="gauge",
    unit="the error's unit",
    labels=BY_VERSION,
    section=ESTIMATES,
    help="Mean error less the error that was foretold, over the labels looked at; above 0 the model does worse than foretold",
)
NEAR_THRESHOLD: Final = Metric(
    name="monitor_stream_near_threshold_ratio",
    kind="gauge",
    unit="ratio",
    labels=(*BY_VERSION, WINDOW),
    section=ESTIMATES,
    help="Share of the predictions whose score lies near the decision threshold; needs no label and no estimator",
)
UNCERTAINTY: Final = Metric(
    name="monitor_stream_uncertainty_ratio",
    kind="gauge",
    unit="ratio",
    labels=(*BY_VERSION, WINDOW),
    section=ESTIMATES,
    help="Mean uncertainty of the predictions by their own scores, 1 less the highest probability; needs no label",
)

FAIRNESS_GAP: Final = Metric(
    name="monitor_stream_fairness_gap",
    kind="gauge",
    unit="a rate, or the target's unit",
    labels=(*BY_VERSION, ATTRIBUTE, CRITERION),
    section=GROUPS,
    help="Largest difference between two groups of a sensitive attribute, over the newest settled days that could be judged",
    advice="Which groups these are, and the interval, are in the model's document. Small groups are left out.",
)
FAIRNESS_RATIO: Final = Metric(
    name="monitor_stream_fairness_ratio",
    kind="gauge",
    unit="ratio",
    labels=(*BY_VERSION, ATTRIBUTE, CRITERION),
    section=GROUPS,
    help="The smaller rate of two groups over the larger one, where it is least",
)
UNFAIR: Final = Metric(
    name="monitor_stream_fairness_unfair",
    kind="gauge",
    unit="1",
    labels=(*BY_VERSION, ATTRIBUTE, CRITERION),
    section=GROUPS,
    help="Whether the whole interval of a fairness gap lies beyond the limit of the spec",
    advice="0 says fair, or too early to say.",
)
SEGMENT_LOSS: Final = Metric(
    name="monitor_stream_segment_loss_ratio",
    kind="gauge",
    unit="ratio",
    labels=(*BY_VERSION, LOSS_SEGMENT),
    section=GROUPS,
    help="Share of the model's loss that a segment carries in excess: how much worse it does than the rest, times its size",
    advice="Over the newest settled days that could be judged, a week where there is one; the segments that carry most, by the lower end of the interval. "
    "Below 0 the segment does better than the rest. Segments overlap: the sum means nothing.",
)

COMPARISON_EFFECT: Final = Metric(
    name="monitor_stream_comparison_effect",
    kind="gauge",
    unit="the error's unit",
    labels=(*BY_VERSION, CHAMPION),
    section=COMPARISONS,
    help="Mean error of a challenger or shadow less that of the champion; below 0 the challenger is better",
)
COMPARISON_LOW: Final = Metric(
    name="monitor_stream_comparison_effect_low",
    kind="gauge",
    unit="the error's unit",
    labels=(*BY_VERSION, CHAMPION),
    section=COMPARISONS,
    help="Lower end of the interval of the effect, which may be looked at any time",
)
COMPARISON_HIGH: Final = Metric(
    name="monitor_stream_comparison_effect_high",
    kind="gauge",
    unit="the error's unit",
    labels=(*BY_VERSION, CHAMPION),
    section=COMPARISONS,
    help="Upper end of the interval of the effect, which may be looked at any time",
)
COMPARISON_VERDICT: Final = Metric(
    name="monitor_stream_comparison_verdict",
    kind="gauge",
    unit="1",
    labels=(*BY_VERSION, CHAMPION, VERDICT),
    section=COMPARISONS,
    help="1 for the verdict on a challenger, 0 for the others",
    advice="Over all predictions. Verdicts by segment are in the model's document.",
)
COMPARISON_SAMPLES: Final = Metric(
    name="monitor_stream_comparison_samples",
    kind="gauge",
    unit="samples",
    labels=(*BY_VERSION, CHAMPION),
    section=COMPARISONS,
    help="Pairs of answers, or predictions of the challenger, behind a comparison",
)

LATENCY_QUANTILE: Final = Metric(
    name="monitor_stream_model_latency_seconds",
    kind="gauge",
    unit="seconds",
    labels=(*BY_VERSION, SHARE, WINDOW),
    section=SERVICE,
    help="How long the model took to answer, by quantile, over the last closed windows, within 6 %",
    advice="`monitor_stream_prediction_latency_seconds` has the same since the first event, in fewer steps.",
)
TIMEOUTS: Final = Metric(
    name="monitor_stream_window_timeout_ratio",
    kind="gauge",
    unit="ratio",
    labels=BY_VERSION,
    section=SERVICE,
    help="Share of the predictions in the newest closed window that took longer than the spec's time-out",
)
LATENCY_OBJECTIVE: Final = Metric(
    name="monitor_stream_latency_objective_seconds",
    kind="gauge",
    unit="seconds",
    labels=(*BY_VERSION, Label(name="share", help="which share of the answers should take no longer")),
    section=SERVICE,
    help="How long answers may take by the spec",
)
FAILED_OBJECTIVE: Final = Metric(
    name="monitor_stream_failed_objective_ratio",
    kind="gauge",
    unit="ratio",
    labels=BY_VERSION,
    section=SERVICE,
    help="Share of the predictions that may fail, or time out, by the spec",
)
OUTLIERS: Final = Metric(
    name="monitor_stream_window_outlier_ratio",
    kind="gauge",
    unit="ratio",
    labels=BY_VERSION,
    section=DRIFT,
    help="Share of the predictions in the newest closed window that are unlike any of the reference",
)
ATTRIBUTION_CORRELATION: Final = Metric(
    name="monitor_stream_attribution_rank_correlation",
    kind="gauge",
    unit="1",
    labels=BY_VERSION,
    section=DRIFT,
    help="Rank correlation of the features' attributions with their importance on the reference; 1 is the same order",
)
ATTRIBUTION_NDCG: Final = Metric(
    name="monitor_stream_attribution_ndcg_ratio",
    kind="gauge",
    unit="ratio",
    labels=BY_VERSION,
    section=DRIFT,
    help="How well the features' attributions keep the important ones first: normalised discounted cumulative gain",
)

DRIFT_DETECTED: Final = Metric(
    name="monitor_stream_drift_detected",
    kind="gauge",
    unit="1",
    labels=(*BY_VERSION, SCOPE),
    section=DRIFT,
    help="Whether an incident is open because of it: errors for the worse, or a distribution that moved",
    advice="After hysteresis: it takes several looks to begin and to end. Silenced incidents count too.",
)
DETECTIONS: Final = Metric(
    name="monitor_stream_drift_detections_total",
    kind="counter",
    unit="detections",
    labels=(*BY_VERSION, DETECTOR),
    section=DRIFT,
    help="Changes of the error level that a detector saw",
)
DRIFT_SCORE: Final = Metric(
    name="monitor_stream_drift_score",
    kind="gauge",
    unit="the method's unit",
    labels=(*BY_VERSION, DRIFT_FEATURE, METHOD),
    section=DRIFT,
    help="How far a column of the newest judged drift span is from its reference",
    advice="Methods have scales of their own, and a score grows as a span has fewer values: do not compare scores, and put no "
    "limit on them. `monitor_stream_drift_threshold_ratio` is made for that.",
)
DRIFT_RATIO: Final = Metric(
    name="monitor_stream_drift_threshold_ratio",
    kind="gauge",
    unit="thresholds",
    labels=(*BY_VERSION, DRIFT_FEATURE, METHOD),
    section=DRIFT,
    help="The drift score as a multiple of its threshold; above 1 the column has drifted",
    advice="The threshold follows from the number of values, the false alarms a month that the spec allows, and the least effect "
    "that anybody cares for.",
)
DRIFT_SAMPLES: Final = Metric(
    name="monitor_stream_drift_window_samples",
    kind="gauge",
    unit="samples",
    labels=BY_VERSION,
    section=DRIFT,
    help="Predictions in the newest judged drift span",
)
DRIFT_MIN_SAMPLES: Final = Metric(
    name="monitor_stream_drift_min_samples",
    kind="gauge",
    unit="samples",
    labels=BY_VERSION,
    section=DRIFT,
    help="Predictions from which a drift span is judged, alone or with those that follow",
)
DRIFT_END: Final = Metric(
    name="monitor_stream_drift_window_end_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_VERSION,
    section=DRIFT,
    help="End of the newest judged drift span",
)
REFERENCE: Final = Metric(
    name="monitor_stream_reference_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_VERSION,
    section=DRIFT,
    help="When the references were made, or up to when they were learned from the stream",
)
DRIFTED: Final = Metric(
    name="monitor_stream_drifted_features",
    kind="gauge",
    unit="features",
    labels=BY_VERSION,
    section=DRIFT,
    help="Features that had drifted in the newest judged span, all of them, also those without a series",
)
MONITORED: Final = Metric(
    name="monitor_stream_monitored_features",
    kind="gauge",
    unit="features",
    labels=BY_VERSION,
    section=DRIFT,
    help="Features that could be compared with their reference in the newest judged span",
)
INCIDENTS: Final = Metric(
    name="monitor_stream_open_incidents",
    kind="gauge",
    unit="incidents",
    labels=(*BY_VERSION, SEVERITY),
    section=DRIFT,
    help="Incidents that are open and not silenced",
    advice="`critical` is loss beyond what the baseline allows; all else is a `warning`.",
)
SILENCED: Final = Metric(
    name="monitor_stream_silenced_incidents",
    kind="gauge",
    unit="incidents",
    labels=(*BY_VERSION, SEVERITY),
    section=DRIFT,
    help="Incidents that are open, and that somebody has silenced until a time to come",
)
SIGNALS: Final = Metric(
    name="monitor_stream_incident_signals",
    kind="gauge",
    unit="incidents",
    labels=(*BY_VERSION, SIGNAL),
    section=DRIFT,
    help="Incidents, open and not silenced, in which a signal fires",
    advice="An incident may have several: their sum counts nothing.",
)
OPENED: Final = Metric(
    name="monitor_stream_incidents_opened_total",
    kind="counter",
    unit="incidents",
    labels=(*BY_VERSION, SEVERITY),
    section=DRIFT,
    help="Incidents since the first event of the version, by the severity they opened with",
)
OLDEST_INCIDENT: Final = Metric(
    name="monitor_stream_oldest_incident_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=(*BY_VERSION, SEVERITY),
    section=DRIFT,
    help="When, in event time, the oldest of the incidents that are open and not silenced opened",
)

FEATURE_VALUES: Final = Metric(
    name="monitor_stream_feature_values_total",
    kind="counter",
    unit="values",
    labels=(*BY_VERSION, FEATURE),
    section=DATA,
    help="Values of a feature looked at, valid or not",
)
FEATURE_INVALID: Final = Metric(
    name="monitor_stream_feature_invalid_values_total",
    kind="counter",
    unit="values",
    labels=(*BY_VERSION, FEATURE, INVALID),
    section=DATA,
    help="Values of a feature that are not as the spec says",
)
VIOLATIONS: Final = Metric(
    name="monitor_stream_schema_violations_total",
    kind="counter",
    unit="violations",
    labels=(*BY_VERSION, CHECK),
    section=DATA,
    help="Findings about whole events, which are counted all the same",
)
LATE: Final = Metric(
    name="monitor_stream_late_records_total",
    kind="counter",
    unit="records",
    labels=BY_VERSION,
    section=DATA,
    help="Predictions too old for any window: more than the label horizon behind the newest",
)
LATE_ROWS: Final = Metric(
    name="monitor_stream_late_rows_total",
    kind="counter",
    unit="rows",
    labels=BY_VERSION,
    section=DATA,
    help="Sums that came for a window already settled: in the totals, in no window",
    advice="Only a partition that was read to its end and silent for `idle_timeout_seconds` can send them.",
)

READ: Final = Metric(
    name="monitor_stream_records_read_total",
    kind="counter",
    unit="records",
    labels=(TOPIC,),
    section=PIPELINE,
    help="Records that became part of the results, exactly once, over all workers and restarts",
)
DEAD_LETTERS: Final = Metric(
    name="monitor_stream_dead_letter_records_total",
    kind="counter",
    unit="records",
    labels=(TOPIC, DEAD_LETTER),
    section=PIPELINE,
    help="Records that could not be read and went to the dead letter topic, by the topic they came from",
)
NEWEST: Final = Metric(
    name="monitor_stream_topic_newest_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=(TOPIC,),
    section=PIPELINE,
    help="Newest event time read from a topic",
)
UPDATED: Final = Metric(
    name="monitor_stream_results_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=BY_MODEL,
    section=PIPELINE,
    help="When the results of a model were last written",
)
FORKS: Final = Metric(
    name="monitor_stream_delta_forks_total",
    kind="counter",
    unit="forks",
    labels=BY_MODEL,
    section=PIPELINE,
    help="Sources that went back in time: the state store was restored or lost its end",
    advice="Totals may differ from the topics by what was lost. `monitor-stream rebuild` starts clean from the log.",
)
GAPS: Final = Metric(
    name="monitor_stream_delta_gaps_total",
    kind="counter",
    unit="gaps",
    labels=BY_MODEL,
    section=PIPELINE,
    help="Deltas that never came: something was deleted from the topic of deltas before it was read",
)

BUILD_INFO: Final = Metric(
    name="monitor_stream_build_info",
    kind="info",
    unit="",
    labels=(
        Label(name="version", help="of monitor-stream"),
        Label(name="python", help="version of Python"),
    ),
    section=SERVER,
    origin="both",
    help="What runs, always 1",
)
COLLECTOR_DURATION: Final = Metric(
    name="monitor_stream_collector_duration_seconds",
    kind="gauge",
    unit="seconds",
    section=SERVER,
    help="How long this answer took to build",
)
COLLECTOR_SERIES: Final = Metric(
    name="monitor_stream_collector_series",
    kind="gauge",
    unit="series",
    section=SERVER,
    help="Series of models and of the pipeline in this answer",
)
COLLECTOR_ERRORS: Final = Metric(
    name="monitor_stream_collector_errors_total",
    kind="counter",
    unit="errors",
    section=SERVER,
    help="Times the results could not be read from the store; such a scrape is answered with status 503",
)
SERIES_LIMIT_EXCEEDED: Final = Metric(
    name="monitor_stream_series_limit_exceeded_total",
    kind="counter",
    unit="label sets",
    labels=(OVERFLOWED,),
    section=SERVER,
    help="Label sets counted under __other__ or left out because a limit was reached, summed over the answers",
    advice="It grows as long as something is cut. Raise `max_exported_…`, or send fewer distinct values.",
)

STARTED: Final = Metric(
    name="monitor_stream_worker_start_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    section=WORKER,
    origin="worker",
    help="When the worker began",
)
CONSUMED: Final = Metric(
    name="monitor_stream_records_consumed_total",
    kind="counter",
    unit="records",
    labels=(TOPIC,),
    section=WORKER,
    origin="worker",
    help="Records applied by this worker",
)
PRODUCED: Final = Metric(
    name="monitor_stream_records_produced_total",
    kind="counter",
    unit="records",
    labels=(TOPIC,),
    section=WORKER,
    origin="worker",
    help="Records of this worker that the broker acknowledged",
)
SKIPPED: Final = Metric(
    name="monitor_stream_records_skipped_total",
    kind="counter",
    unit="records",
    section=WORKER,
    origin="worker",
    help="Records read again after a seek and not counted twice",
)
STALE: Final = Metric(
    name="monitor_stream_records_stale_total",
    kind="counter",
    unit="records",
    section=WORKER,
    origin="worker",
    help="Records fetched under an earlier claim and dropped; they are read again",
)
LOST: Final = Metric(
    name="monitor_stream_records_lost_total",
    kind="counter",
    unit="records",
    labels=(TOPIC,),
    section=WORKER,
    origin="worker",
    help="Records that retention deleted before they were read",
    advice="Results lack them for good. Raise the topic's retention above the longest outage.",
)
LAG: Final = Metric(
    name="monitor_stream_consumer_lag_records",
    kind="gauge",
    unit="records",
    labels=(TOPIC, PARTITION),
    section=WORKER,
    origin="worker",
    help="Records behind the end of a partition that this worker holds now",
)
ASSIGNED: Final = Metric(
    name="monitor_stream_assigned_partitions",
    kind="gauge",
    unit="partitions",
    labels=(TOPIC,),
    section=WORKER,
    origin="worker",
    help="Partitions that this worker holds now",
)
REBALANCES: Final = Metric(
    name="monitor_stream_rebalances_total",
    kind="counter",
    unit="rebalances",
    labels=(REBALANCE,),
    section=WORKER,
    origin="worker",
    help="Times that partitions were assigned or revoked",
)
HEARTBEAT: Final = Metric(
    name="monitor_stream_heartbeat_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    labels=(STAGE,),
    section=WORKER,
    origin="worker",
    help="When a part of the worker last made progress or had nothing to do",
)
UNPUBLISHED: Final = Metric(
    name="monitor_stream_unpublished_messages",
    kind="gauge",
    unit="messages",
    labels=(FOLD,),
    section=WORKER,
    origin="worker",
    help="Messages committed and not yet acknowledged by the broker",
)
BATCH: Final = Metric(
    name="monitor_stream_batch_processing_seconds",
    kind="histogram",
    unit="seconds",
    labels=(FOLD,),
    section=WORKER,
    origin="worker",
    help="Time to apply one batch of records",
    buckets=10,
)
CLAIM: Final = Metric(
    name="monitor_stream_claim_duration_seconds",
    kind="histogram",
    unit="seconds",
    section=WORKER,
    origin="worker",
    help="Time to claim a partition and load its state",
    buckets=11,
)
CLAIM_FAILURES: Final = Metric(
    name="monitor_stream_claim_failures_total",
    kind="counter",
    unit="failures",
    section=WORKER,
    origin="worker",
    help="Claims that failed",
)
CHECKPOINT: Final = Metric(
    name="monitor_stream_checkpoint_duration_seconds",
    kind="histogram",
    unit="seconds",
    section=WORKER,
    origin="worker",
    help="Time of a commit of state and offsets until it is durable",
    buckets=11,
)
CHECKPOINT_FAILURES: Final = Metric(
    name="monitor_stream_checkpoint_failures_total",
    kind="counter",
    unit="failures",
    section=WORKER,
    origin="worker",
    help="Commits that did not reach the store; they are tried again",
)
CHECKPOINT_REFUSED: Final = Metric(
    name="monitor_stream_checkpoint_refusals_total",
    kind="counter",
    unit="refusals",
    section=WORKER,
    origin="worker",
    help="Commits refused because another worker had claimed the partition",
)
CHECKPOINT_BYTES: Final = Metric(
    name="monitor_stream_checkpoint_written_bytes_total",
    kind="counter",
    unit="bytes",
    section=WORKER,
    origin="worker",
    help="State, results and outbox written by commits",
)
CHECKPOINT_LAST: Final = Metric(
    name="monitor_stream_checkpoint_last_success_timestamp_seconds",
    kind="gauge",
    unit="seconds",
    section=WORKER,
    origin="worker",
    help="When a commit last succeeded",
)
SPECS: Final = Metric(
    name="monitor_stream_model_specs",
    kind="gauge",
    unit="specs",
    section=WORKER,
    origin="worker",
    help="Model specs in force",
)
SPEC_ERRORS: Final = Metric(
    name="monitor_stream_model_spec_errors_total",
    kind="counter",
    unit="errors",
    section=WORKER,
    origin="worker",
    help="Records of the models topic that could not be read",
)
DURABLE: Final = Metric(
    name="monitor_stream_store_durable",
    kind="gauge",
    unit="1",
    section=WORKER,
    origin="worker",
    help="Whether the store confirms that a commit is on disk before anything of it is published",
)

#: Everything, in the order of the reference page and of ``/metrics``.
CATALOGUE: Final[tuple[Metric, ...]] = (
    PREDICTIONS, FAILED_PREDICTIONS, LATENCY, LAST_EVENT, STALENESS_LIMIT, MODEL_INFO, WATERMARK,
    LABELS, PENDING, LAST_LABEL, LABEL_DELAY, LABELLED_RATIO, WINDOW_END,
    SCORED, BAD, OBJECTIVE,
    *(metric for measure in MEASURES for metric in (measure.current, measure.baseline)),
    LIMIT, SAMPLES, MIN_SAMPLES, ABSOLUTE_ERROR,
    ESTIMATED, ESTIMATED_LOW, ESTIMATED_HIGH, ESTIMATED_SAMPLES, CONTRADICTED, CONTRADICTIONS, ESTIMATE_GAP,
    NEAR_THRESHOLD, UNCERTAINTY,
    FAIRNESS_GAP, FAIRNESS_RATIO, UNFAIR, SEGMENT_LOSS,
    COMPARISON_EFFECT, COMPARISON_LOW, COMPARISON_HIGH, COMPARISON_VERDICT, COMPARISON_SAMPLES,
    LATENCY_QUANTILE, TIMEOUTS, LATENCY_OBJECTIVE, FAILED_OBJECTIVE,
    DRIFT_DETECTED, DETECTIONS,
    DRIFT_SCORE, DRIFT_RATIO, DRIFTED, MONITORED, DRIFT_SAMPLES, DRIFT_MIN_SAMPLES, DRIFT_END, REFERENCE,
    OUTLIERS, ATTRIBUTION_CORRELATION, ATTRIBUTION_NDCG,
    INCIDENTS, SILENCED, SIGNALS, OPENED, OLDEST_INCIDENT,
    FEATURE_VALUES, FEATURE_INVALID, VIOLATIONS, LATE, LATE_ROWS,
    READ, DEAD_LETTERS, NEWEST, UPDATED, FORKS, GAPS,
    BUILD_INFO, COLLECTOR_DURATION, COLLECTOR_SERIES, COLLECTOR_ERRORS, SERIES_LIMIT_EXCEEDED,
    STARTED, CONSUMED, PRODUCED, SKIPPED, STALE, LOST, LAG, ASSIGNED, REBALANCES, HEARTBEAT, UNPUBLISHED,
    BATCH, CLAIM, CLAIM_FAILURES, CHECKPOINT, CHECKPOINT_FAILURES, CHECKPOINT_REFUSED, CHECKPOINT_BYTES,
    CHECKPOINT_LAST, SPECS, SPEC_ERRORS, DURABLE,
)  # fmt: skip
