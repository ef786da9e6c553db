"""The seam between the folds: which sums travel in a delta, by window and group.

Every statistic of a window is a function of sums. A table holds one row of float64 sums for each (window, group);
rows of the same key add. That is all OBSERVE tells JUDGE about a window, so OBSERVE never closes one, a late label
is one more row, and a window merges into an hour and a day by addition.

A *group* is a string. In `traffic` and `performance` it is ``""`` for all predictions of the window and
``"carrier=UA"`` for a segment (`segment_group`); in the other tables it is what the table's comment says.
"""

from __future__ import annotations

from typing import Final, Literal

from monitor_stream.events.spec import Task

TableName = Literal[
    "traffic",
    "latency",
    "performance",
    "scores",
    "confusion",
    "features",
    "quality",
    "delay",
    "errors",
    "histograms",
    "unseen",
    "answers",
    "latencies",
    "calibration",
    "proxies",
    "estimates",
    "estimated_scores",
    "estimated_confusion",
    "group_classes",
    "group_confusion",
    "outliers",
    "attributions",
]

#: Upper bounds of histogram buckets; one more column counts what lies above, and one more holds the sum.
LATENCY_BOUNDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)  # seconds
DELAY_BOUNDS: Final = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0,
                       86400.0, 3 * 86400.0, 7 * 86400.0, 30 * 86400.0)  # seconds, prediction to label  # fmt: skip
#: Absolute errors of a regression, as multiples of `ErrorScale.mean` (1.0 where no reference is known).
ERROR_BOUNDS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

#: Scores are counted by their log-odds, so that both rare and common positives keep their ranking: 400 bins of
#: width 0.05 from -10 to 10, the outer ones open.
SCORE_BINS: Final = 400
SCORE_LOGIT_LIMIT: Final = 10.0

#: Answer times are counted by their logarithm in `latencies`: see `latency_bins`.
LATENCY_BINS: Final = 128

#: Scores are counted in so many bins of equal mass on the reference in `calibration`: see `calibration_bins`.
CALIBRATION_BINS: Final = 10

#: One row a window and segment: all predictions, and those that failed (`error` in the event).
TRAFFIC: Final = ("predictions", "failed")

#: One row a window and segment: predictions with an answer that fits the task, the sum of these answers and of their squares:
#: 1 for the positive class (binary), the prediction less the mean of its reference (regression).
ANSWERS: Final = ("answered", "answer", "answer_squared")

#: Sums over scored pairs. `label` and `label_squared` are centred on the mean of the spec's label reference
#: (0 without one), so that a large mean does not drown a small variance. `bad` counts pairs outside the tolerance.
#: `quartic_error` is the sum of the squares of what `squared_error` sums, `log_loss_squared` that of the log losses:
#: they make intervals. `error_by_label` is the sum of |error| · |label|. `estimated` counts the pairs whose error was
#: foretold (`Estimator`), `gap` sums error less foretold error over them, `gap_squared` its square.
PERFORMANCE: Final[dict[Task, tuple[str, ...]]] = {
    "regression": (
        "scored", "bad", "error", "absolute_error", "squared_error", "label", "label_squared", "absolute_label",
        "quartic_error", "error_by_label", "with_interval", "covered", "interval_width",
        "estimated", "gap", "gap_squared",
    ),
    "binary": (
        "scored", "bad", "true_positive", "false_positive", "true_negative", "false_negative",
        "with_score", "log_loss", "squared_error", "score",
        "log_loss_squared", "quartic_error", "estimated", "gap", "gap_squared",
    ),
    "multiclass": (
        "scored", "bad", "with_score", "log_loss", "log_loss_squared", "estimated", "gap", "gap_squared",
    ),
}  # fmt: skip

#: What is foretold of predictions before their labels come, by the spec's `Estimator`: expected counts of each cell,
#: expected losses; `variance` sums the variances of the errors (p (1 − p)). In a multiclass task `correct` is the
#: expected number of right answers.
ESTIMATES: Final[dict[Task, tuple[str, ...]]] = {
    "regression": ("predictions", "absolute_error"),
    "binary": (
        "predictions", "true_positive", "false_positive", "true_negative", "false_negative",
        "log_loss", "squared_error", "variance",
    ),
    "multiclass": ("predictions", "correct", "log_loss", "variance"),
}  # fmt: skip

#: Scores within this distance of the threshold are near it (binary); in a multiclass task, the two highest
#: probabilities lie at most so far apart.
NEAR: Final = 0.05

#: Classes of a sensitive group that are counted on their own: the first so many, the rest together.
GROUP_CLASSES: Final = 10

#: One row a window and feature (also "__prediction__", "__score__", "__target__"). Moments are centred on the
#: reference mean, 0 without one; `values` counts attempts, so finite = values - missing - wrong_type. The components of a
#: vector have rows of their own, `component_group`, where `values` counts vectors that have one.
FEATURES: Final = ("values", "missing", "wrong_type", "out_of_range", "unseen", "sum", "sum_squared")
PREDICTION, SCORE, TARGET = "__prediction__", "__score__", "__target__"

#: Values of a column that has a reference, by its bins: those of a `NumericReference` (value <= edge belongs below), or
#: one for each of a `CategoricalReference`'s `shares` in their order and one for all other values. The rest is 0.
#: Values that are missing or of a wrong type are in no bin. **The `window` of these rows is the drift span**
#: (`DriftRules.span_seconds`), not the window.
HISTOGRAM_BINS: Final = 51

#: Features of a version that have histograms and are in samples, the first ones of its spec; components of all its vectors.
MAX_COLUMNS: Final = 200
MAX_COMPONENTS: Final = 1024

#: Values of a feature that the reference has not seen are counted by name: the first so many, cut to so many characters.
MAX_UNSEEN: Final = 20
UNSEEN_CHARACTERS: Final = 64

#: Columns of every table but `performance` and `estimates`, whose columns follow the task.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "traffic": TRAFFIC,
    "latency": (*(f"le_{bound:g}" for bound in LATENCY_BOUNDS), "above", "sum"),  # group ""
    "delay": (
        *(f"le_{bound:g}" for bound in DELAY_BOUNDS),
        "above",
        "sum",
    ),  # group "", one count a scored pair
    "errors": (*(f"le_{bound:g}" for bound in ERROR_BOUNDS), "above", "sum"),  # group "", regression only
    "scores": tuple(
        f"bin_{index}" for index in range(SCORE_BINS)
    ),  # group "negative" | "positive", binary only
    "confusion": ("pairs",),  # group confusion_group(prediction, label), multiclass only
    "features": FEATURES,  # group: the feature's name
    "quality": ("records",),  # group: the check's name, see Check
    "histograms": tuple(f"bin_{index}" for index in range(HISTOGRAM_BINS)),  # group: as in `features`
    "unseen": (
        "values",
    ),  # group: segment_group(feature, value), at most `MAX_UNSEEN` values a feature, then OTHER
    "answers": ANSWERS,  # group: as in `traffic`; not in a multiclass task
    "latencies": tuple(f"bin_{index}" for index in range(LATENCY_BINS)),  # group ""
    "calibration": tuple(
        f"{what}_{index}" for index in range(CALIBRATION_BINS) for what in ("pairs", "score", "positive")
    ),  # group "" and those of the spec's sensitive names; in a multiclass task: the highest probability, and right answers
    "proxies": (
        "scores",
        "near_threshold",
        "uncertainty",
    ),  # group ""; `uncertainty` sums 1 - highest probability
    "estimated_scores": tuple(
        f"bin_{index}" for index in range(SCORE_BINS)
    ),  # group "negative" | "positive": expected numbers of each, binary only
    "estimated_confusion": (
        "pairs",
    ),  # group confusion_group(prediction, class): expected numbers, multiclass only
    "group_classes": ("predictions",),  # group: grouped(sensitive group, predicted class), multiclass only
    "group_confusion": ("pairs",),  # group: grouped(sensitive group, confusion_group(…)), multiclass only
    "outliers": (
        "rows",
        "outliers",
    ),  # group "" (rows that were looked at), a feature or grouped(feature, feature): what made a row an outlier
    "attributions": ("values", "absolute", "sum"),  # group: the feature's name
}

#: Record-level findings that are counted and change nothing else.
Check = Literal[
    "without_id",  # a prediction that can never be joined
    "duplicate",  # a prediction whose id was seen
    "late",  # a prediction older than the horizon allows: in no window
    "unknown_field",
    "unknown_feature",  # a feature that the spec does not name
    "absent_feature",  # a feature that the spec names and the event does not
    "without_prediction",  # neither a prediction, nor a score, nor an error
    "unfit_prediction",  # a prediction that does not fit the task, such as text in a regression
    "unfit_interval",  # one whose ends are the wrong way round, or that is no range of numbers
    "unfit_label",  # a label that does not fit the task: joined, not scored
]


def columns(table: TableName, task: Task) -> tuple[str, ...]:
    """The columns of a table.

    >>> columns("traffic", "binary")
    ('predictions', 'failed')
    """
    if table == "performance":
        return PERFORMANCE[task]
    return ESTIMATES[task] if table == "estimates" else COLUMNS[table]


def segment_group(name: str, value: str) -> str:
    """The group of a segment; names hold no ``=`` (the first one parts name and value).

    >>> segment_group("carrier", "UA")
    'carrier=UA'
    """
    return f"{name}={value}"


def split_segment(group: str) -> tuple[str, str]:
    """The segment of a group.

    >>> split_segment("carrier=UA")
    ('carrier', 'UA')
    """
    name, _, value = group.partition("=")
    return name, value


def component_group(name: str, index: int) -> str:
    """The group of a component of a vector in `features`.

    >>> component_group("embedding", 3)
    'embedding[3]'
    """
    return f"{name}[{index}]"


def split_component(group: str) -> tuple[str, int] | None:
    """The vector and the place of a component; ``None`` where a group is the name of none.

    >>> split_component("embedding[3]"), split_component("embedding")
    (('embedding', 3), None)
    """
    name, _, rest = group.rpartition("[")
    index = rest.removesuffix("]")
    return (name, int(index)) if name and rest != index and index.isdecimal() else None


def confusion_group(prediction: str, label: str) -> str:
    """The cell of a confusion matrix, predicted class first."""
    return f"{prediction}\x1f{label}"


def split_confusion(group: str) -> tuple[str, str]:
    """Predicted and actual class of a cell.

    >>> split_confusion(confusion_group("cat", "dog"))
    ('cat', 'dog')
    """
    prediction, _, label = group.partition("\x1f")
    return prediction, label


def grouped(group: str, rest: str) -> str:
    r"""A group within a group: the sensitive group or feature first.

    >>> split_grouped(grouped("sex=f", confusion_group("cat", "dog")))
    ('sex=f', 'cat\x1fdog')
    """
    return f"{group}\x1f{rest}"


def split_grouped(group: str) -> tuple[str, str]:
    """Both parts of `grouped`."""
    first, _, rest = group.partition("\x1f")
    return first, rest


#: Between the names, and between the values, of two segments taken together.
TOGETHER: Final = " & "


def pair_name(first: str, second: str) -> str:
    """The name of two segments taken together (`ModelSpec.segment_pairs`); its values are made alike.

    >>> segment_group(pair_name("carrier", "origin"), pair_name("UA", "EWR"))
    'carrier & origin=UA & EWR'
    """
    return f"{first}{TOGETHER}{second}"
