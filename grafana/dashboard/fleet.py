"""The dashboard `monitor-stream-fleet`: which model needs me, and what is the matter with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard

from grafana.dashboard import judged, monitor, variables
from grafana.dashboard.panels import (
    HALF,
    SOURCE,
    THIRD,
    AnyPanel,
    Column,
    Line,
    lines,
    number,
    ordered,
    rows,
    states,
)
from grafana.dashboard.queries import RANGE, added, age, chosen, one, quantile, rate, series, total
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import MEASURE_OF

UID: Final = "monitor-stream-fleet"

VERSION: Final = ("model", "version")
DRIFT: Final = {"0": ("steady", "green"), "1": ("worse", "red")}
#: A version, chosen below by a click, for the time now shown.
CHOOSE: Final = (
    f"/d/{UID}?${{datasource:queryparam}}&${{job:queryparam}}&${{instance:queryparam}}"
    "&var-model=${__data.fields.Model:percentencode}&var-version=${__data.fields.Version:percentencode}&${__url_time_range}"
)


def build() -> dashboard.Dashboard:
    """The dashboard, as an object of the Foundation SDK."""
    board = (
        builders.Dashboard("monitor-stream: fleet and model")
        .uid(UID)
        .description(
            "Which model needs me? All models on top, the chosen one below, the monitor itself at the end."
        )
        .tags(["monitor-stream"])
        .readonly()
        .time("now-6h", "now")
        .refresh("1m")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .annotation(_alerts())
    )
    for variable in (
        variables.datasource(),
        variables.job(),
        variables.instance(),
        variables.model(),
        variables.version(),
        variables.window(),
    ):
        board.with_variable(variable)
    for panel in ordered(_panels()):
        if isinstance(panel, builders.Row):
            board.with_row(panel)
        else:
            board.with_panel(panel)
    return board.build()


def _panels() -> Iterator[AnyPanel | builders.Row]:
    yield builders.Row("Fleet: which model needs me?")
    yield from _fleet()
    yield builders.Row("$model: traffic and labels")
    yield from _traffic()
    yield from judged.service()
    yield from _labels()
    yield builders.Row("$model: is it right?")
    yield from _quality()
    yield builders.Row("$model: what is likely, before labels?")
    yield from judged.estimates()
    yield builders.Row("$model: has it changed?")
    yield from _change()
    yield builders.Row("$model: what moved?")
    yield from _drift()
    yield builders.Row("$model: for whom, and on what input?")
    yield from _segments()
    yield from judged.groups()
    yield builders.Row("$model: which version?")
    yield from judged.comparisons()
    yield builders.Row("The monitor itself")
    yield from monitor.panels()


def _alerts() -> builders.AnnotationQuery:
    query = (
        prometheus.Dataquery()
        .expr('ALERTS{alertstate="firing", alertname=~"Model.+", model="$model"}')
        .legend_format("{{alertname}} {{version}} {{metric}}")
        .ref_id("Alerts")
    )
    return (
        builders.AnnotationQuery()
        .name("Alerts of the model")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color("red")
        .target(query)
    )


def _fleet() -> Iterator[AnyPanel]:
    newest = one(series(catalogue.LAST_EVENT), "model")
    yield number(
        "Models",
        "Models with results, whether or not anybody described them.",
        f"count({one(series(catalogue.MODEL_INFO), 'model')})",
        no_value="No model yet",
    )
    yield number(
        "Stale",
        "Models whose newest prediction is older than their spec allows.",
        f"sum({age(newest)} > bool {one(series(catalogue.STALENESS_LIMIT), 'model')})",
        no_value="No predictions yet",
        red_from=1,
    )
    yield number(
        "Drifted",
        "Versions whose error level rose and has not come back.",
        total(one(series(catalogue.DRIFT_DETECTED, scope='="error"'), *VERSION)),
        no_value="No model yet",
        red_from=1,
    )
    yield number(
        "Alerts",
        "Alerts about models and about the monitor that fire now. It is 0, too, where the rules are not loaded.",
        'count(ALERTS{alertstate="firing", alertname=~"(Model|Monitor).+"}) or vector(0)',
        no_value="Prometheus does not answer",
        red_from=1,
    )
    yield rows(
        "Models",
        "A row for each version. Click on a model to see it below. An empty field means not known, never zero.",
        [
            Column(
                "Predictions/s",
                total(one(rate(series(catalogue.PREDICTIONS)), *VERSION, "segment"), *VERSION),
                "cps",
            ),
            Column("Last prediction", age(one(series(catalogue.LAST_EVENT), *VERSION)), "dtdurations"),
            Column("Labelled", one(series(catalogue.LABELLED_RATIO), *VERSION), "percentunit", 1),
            Column("Waiting", one(series(catalogue.PENDING), *VERSION), "short"),
            Column("Bad", _bad_share(*VERSION, everybody=True), "percentunit", 1),
            Column(
                "Errors",
                one(series(catalogue.DRIFT_DETECTED, scope='="error"'), *VERSION),
                "short",
                mappings=DRIFT,
            ),
            Column(
                "Incidents",
                total(one(series(catalogue.INCIDENTS), *VERSION, "severity"), *VERSION),
                "short",
                red_from=1,
            ),
            Column(
                "_info",
                one(series(catalogue.MODEL_INFO), *VERSION, "task", "stage", "owner", "tier"),
                "short",
            ),
        ],
        {
            "model": "Model",
            "version": "Version",
            "task": "Task",
            "stage": "Stage",
            "owner": "Owner",
            "tier": "Tier",
        },
        no_value="-",
        sort="Incidents",
        links={"Model": ("Show this version below", CHOOSE)},
    )


def _traffic() -> Iterator[AnyPanel]:
    latency = total(one(rate(chosen(catalogue.LATENCY, "bucket")), "version", "le"), "le")
    yield lines(
        "Predictions",
        "Accepted predictions each second, and those that failed: whose event carries an error in place of an answer.",
        "cps",
        [
            Line(
                total(one(rate(chosen(catalogue.PREDICTIONS)), "version", "segment"), "version"),
                "{{version}}",
            ),
            Line(one(rate(chosen(catalogue.FAILED_PREDICTIONS)), "version"), "{{version}} failed"),
        ],
        no_value="No predictions in this time",
    )
    yield lines(
        "Latency",
        "How long the model took to answer, as its events say.",
        "s",
        [Line(quantile(share, latency), f"{share:.0%}") for share in (0.5, 0.9, 0.99)],
        no_value="Events carry no latency_seconds",
    )


def _labels() -> Iterator[AnyPanel]:
    delay = total(one(rate(chosen(catalogue.LABEL_DELAY, "bucket")), "version", "le"), "le")
    yield lines(
        "Labelled share",
        "Share of the predictions in the newest closed window that have their label. It grows while labels come, and "
        "until then errors speak of the labelled ones only.",
        "percentunit",
        [Line(one(chosen(catalogue.LABELLED_RATIO), "version"), "{{version}}")],
        no_value="No window has closed yet",
        width=THIRD,
        highest=1,
    )
    yield lines(
        "Label delay",
        "Event time from a prediction to its label, of labels that came in this time.",
        "s",
        [Line(quantile(share, delay), f"{share:.0%}") for share in (0.5, 0.9, 0.99)],
        no_value="No labels in this time",
        width=THIRD,
    )
    yield lines(
        "What became of labels",
        "Joined to a prediction, repeated, never found one (orphan); and predictions that waited for the whole horizon "
        "(expired) or were dropped from a full buffer (evicted).",
        "cps",
        [
            Line(
                total(
                    one(rate(series(catalogue.LABELS, model='="$model"')), "version", "outcome"),
                    "outcome",
                ),
                "{{outcome}}",
            )
        ],
        no_value="No labels yet",
        width=THIRD,
    )


def _quality() -> Iterator[AnyPanel]:
    yield _measure(
        "accuracy", "percentunit", "Share of right answers.", "No labels yet, or not a classification"
    )
    yield _measure(
        "auc",
        "percentunit",
        "How well scores rank positives above negatives; a half is chance.",
        "No labels yet, or not a binary classification with scores",
    )
    yield _measure(
        "mae",
        "short",
        "Mean absolute error, in the unit of the target.",
        "No labels yet, or not a regression",
    )
    yield _measure(
        "rmse",
        "short",
        "Root mean squared error, in the unit of the target: large errors weigh more.",
        "No labels yet, or not a regression",
    )
    ece = MEASURE_OF["ece"]
    yield lines(
        "Calibration error",
        "Mean distance between what scores say and the share that came true (ECE), and the baseline from the reference. It is "
        "larger for fewer predictions: compare like windows.",
        "percentunit",
        [
            Line(one(chosen(ece.current, metric='="ece"', window='="$window"'), "version"), "{{version}}"),
            Line(one(chosen(ece.baseline, metric='="ece"'), "version"), "{{version}} baseline"),
        ],
        no_value="No labels yet, or no scores",
    )
    yield lines(
        "Scored predictions",
        "What the metrics of the window rest on, and from how many on they are trusted and alerted on.",
        "short",
        [
            Line(one(chosen(catalogue.SAMPLES, window='="$window"'), "version"), "{{version}}"),
            Line(one(chosen(catalogue.MIN_SAMPLES), "version"), "{{version}} limit"),
        ],
        no_value="No labels yet",
    )
    positive = MEASURE_OF["base_rate"].current
    yield lines(
        "Calibration",
        "Share of positive labels, and the mean score, which should be about the same.",
        "percentunit",
        [
            Line(
                one(chosen(positive, metric=f'="{metric}"', window='="$window"'), "version"),
                f"{{{{version}}}} {legend}",
            )
            for metric, legend in (("base_rate", "positive"), ("mean_score", "mean score"))
        ],
        no_value="No labels yet, or not a binary classification with scores",
    )


def _measure(metric: str, unit: str, description: str, no_value: str) -> AnyPanel:
    measure = MEASURE_OF[metric]
    matcher = f'="{metric}"'
    return lines(
        {"accuracy": "Accuracy", "auc": "ROC AUC", "mae": "MAE", "rmse": "RMSE"}[metric],
        f"{description} Beside it the baseline from the reference, and the limit beyond which an alert follows.",
        unit,
        [
            Line(one(chosen(measure.current, metric=matcher, window='="$window"'), "version"), "{{version}}"),
            Line(one(chosen(measure.baseline, metric=matcher), "version"), "{{version}} baseline"),
            Line(one(chosen(catalogue.LIMIT, metric=matcher), "version"), "{{version}} limit"),
        ],
        no_value=no_value,
        highest=1 if unit == "percentunit" else None,
    )


def _change() -> Iterator[AnyPanel]:
    yield states(
        "Error level",
        "Red while the mean error is higher than it was: from the first detection for the worse to one for the better.",
        [Line(one(chosen(catalogue.DRIFT_DETECTED, scope='="error"'), "version"), "{{version}}")],
        DRIFT,
        no_value="No model yet",
        width=THIRD,
    )
    yield lines(
        "Detections",
        "Changes of the error level that a detector saw, for the worse or for the better.",
        "short",
        [
            Line(
                total(one(added(chosen(catalogue.DETECTIONS)), "version", "detector"), "detector"),
                "{{detector}}",
            )
        ],
        no_value="No model yet",
        width=THIRD,
        bars=True,
    )
    yield lines(
        "Open incidents",
        "Things a person should know, one for one change.",
        "short",
        [Line(total(one(chosen(catalogue.INCIDENTS), "version", "severity"), "severity"), "{{severity}}")],
        no_value="No model yet",
        width=THIRD,
        steps=True,
    )


def _drift() -> Iterator[AnyPanel]:
    ratio = one(chosen(catalogue.DRIFT_RATIO), "version", "feature", "method")
    yield lines(
        "Drift",
        "Distance of the ten farthest columns from their reference, in multiples of its threshold: from 1 on it has drifted. The "
        "threshold knows how many values there are, how many columns, and how many false alarms a month the spec allows. "
        "`__prediction__`, `__score__` and `__target__` are the answers and the truth, `__rows__` is how features go together.",
        "short",
        [
            Line(f"topk(10, {ratio})", "{{version}} {{feature}} {{method}}"),
            Line(
                f"{one(chosen(catalogue.DRIFT_RATIO))} >= bool 0", "limit"
            ),  # 1, where there is anything to limit
        ],
        no_value="No drift span was judged yet, or the model has no reference",
        width=HALF,
        steps=True,
    )
    yield rows(
        "What moved most",
        "The newest judged span, farthest first. A score is in the unit of its method and grows as values get fewer; compare "
        "multiples of the threshold.",
        [
            Column(
                "Thresholds",
                ratio,
                "short",
                2,
                red_from=1,
            ),
            Column("Score", one(chosen(catalogue.DRIFT_SCORE), "version", "feature", "method"), "short", 4),
        ],
        {"version": "Version", "feature": "Feature", "method": "Method"},
        no_value="-",
        width=HALF,
        sort="Thresholds",
    )
    yield lines(
        "Drifted features",
        "Share of the features with a reference that had drifted, all of them, also those without a series.",
        "percentunit",
        [
            Line(
                f"{one(chosen(catalogue.DRIFTED), 'version')} / ({one(chosen(catalogue.MONITORED), 'version')} > 0)",
                "{{version}}",
            )
        ],
        no_value="No drift span was judged yet",
        width=THIRD,
        highest=1,
        steps=True,
    )
    yield lines(
        "Predictions in the span",
        "What the newest judgement rests on, and from how many on a span is judged, alone or with those that follow.",
        "short",
        [
            Line(one(chosen(catalogue.DRIFT_SAMPLES), "version"), "{{version}}"),
            Line(one(chosen(catalogue.DRIFT_MIN_SAMPLES), "version"), "{{version}} limit"),
        ],
        no_value="No drift span was judged yet",
        width=THIRD,
        steps=True,
    )
    yield lines(
        "Age of reference and judgement",
        "How long ago the reference was made, and how long ago the newest judged span ended, in event time.",
        "dtdurations",
        [
            Line(age(one(chosen(catalogue.REFERENCE), "version")), "{{version}} reference"),
            Line(age(one(chosen(catalogue.DRIFT_END), "version")), "{{version}} span"),
        ],
        no_value="The model has no reference",
        width=THIRD,
    )


def _segments() -> Iterator[AnyPanel]:
    def shown(metric: catalogue.Metric) -> str:
        return total(one(added(chosen(metric), RANGE), "version", "segment"), "segment")

    yield rows(
        "Segments",
        "By the value of the spec's first segment, in the time shown. A bad share of few predictions says little.",
        [
            Column("Predictions", shown(catalogue.PREDICTIONS), "short", 0),
            Column("Scored", shown(catalogue.SCORED), "short", 0),
            Column("Bad", _bad_share("segment"), "percentunit", 1),
        ],
        {"segment": "Segment"},
        no_value="-",
        width=HALF,
        sort="Bad",
    )
    looked_at = total(one(added(chosen(catalogue.FEATURE_VALUES), RANGE), "version", "feature"), "feature")
    invalid = total(
        one(added(chosen(catalogue.FEATURE_INVALID), RANGE), "version", "feature", "reason"),
        "feature",
        "reason",
    )
    yield rows(
        "Invalid values",
        "Share of a feature's values, in the time shown, that are missing, of a wrong type, out of range, or unseen in "
        "the reference. Features without any are left out.",
        [
            Column(
                "Invalid", f"{invalid} / on (feature) group_left () ({looked_at} > 0) > 0", "percentunit", 2
            )
        ],
        {"feature": "Feature", "reason": "Reason"},
        no_value="All values are valid",
        width=HALF,
        sort="Invalid",
    )
    yield lines(
        "Bad predictions",
        "Share of scored predictions that were wrong, or outside the tolerance, and what the objective allows.",
        "percentunit",
        [
            Line(_bad_share_rate(), "{{version}}"),
            Line(f"1 - {one(chosen(catalogue.OBJECTIVE), 'model')}", "limit"),
        ],
        no_value="No labels in this time",
        highest=1,
    )
    yield lines(
        "Findings",
        "What was wrong with whole events, which are counted all the same; and predictions too late for any window.",
        "cps",
        [
            Line(
                total(one(rate(chosen(catalogue.VIOLATIONS)), "version", "check"), "check"),
                "{{check}}",
            ),
            Line(total(one(rate(chosen(catalogue.LATE)), "version")), "late"),
        ],
        no_value="No predictions yet",
    )


def _bad_share(*labels: str, everybody: bool = False) -> str:
    """Bad ones of the scored, in the time shown."""
    select = series if everybody else chosen
    by = tuple(dict.fromkeys((*labels, "version", "segment")))
    bad, scored = (
        total(one(added(select(metric), RANGE), *by), *labels) for metric in (catalogue.BAD, catalogue.SCORED)
    )
    return f"{bad} / ({scored} > 0)"


def _bad_share_rate() -> str:
    bad, scored = (
        total(one(rate(chosen(metric)), "version", "segment"), "version")
        for metric in (catalogue.BAD, catalogue.SCORED)
    )
    return f"{bad} / ({scored} > 0)"
