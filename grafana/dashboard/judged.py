"""Panels of what JUDGE says beyond errors and drift: before labels, for whom, which version, and the service itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from grafana.dashboard.panels import HALF, THIRD, AnyPanel, Column, Line, lines, rows, states
from grafana.dashboard.queries import chosen, one
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import MEASURE_OF

BORNE_OUT: Final = {"0": ("borne out", "green"), "1": ("contradicted", "red")}
UNFAIR: Final = {"0": ("no, or too early to say", "green"), "1": ("unfair", "red")}
NO_ESTIMATOR: Final = "No estimator in the spec, or no window has closed yet"


def estimates() -> Iterator[AnyPanel]:
    """What is likely, beside what came true, and whether labels bear it out."""
    yield _foretold("accuracy", "Estimated and realised accuracy", "percentunit", "Share of right answers")
    yield _foretold("mae", "Estimated and realised MAE", "short", "Mean absolute error")
    yield states(
        "Estimates borne out",
        "Red while labels contradict what was foretold: then believe no estimate, neither a loss nor an all-clear. Concept drift "
        "is where estimates lie.",
        [Line(one(chosen(catalogue.CONTRADICTED), "version"), "{{version}}")],
        BORNE_OUT,
        no_value="No estimator in the spec, or no labels yet",
        width=THIRD,
    )
    yield lines(
        "Errors less what was foretold",
        "Mean error of the labels looked at, less the error foretold of the same predictions. Above 0 the model does worse than "
        "its estimate says.",
        "short",
        [Line(one(chosen(catalogue.ESTIMATE_GAP), "version"), "{{version}}")],
        no_value="No estimator in the spec, or no labels yet",
        width=THIRD,
    )
    yield lines(
        "Scores that are in doubt",
        "Share of scores near the decision threshold, and mean uncertainty. Both need neither label nor estimator.",
        "percentunit",
        [
            Line(one(chosen(metric, window='="$window"'), "version"), f"{{{{version}}}} {legend}")
            for metric, legend in (
                (catalogue.NEAR_THRESHOLD, "near the threshold"),
                (catalogue.UNCERTAINTY, "uncertainty"),
            )
        ],
        no_value="Events carry no score",
        width=THIRD,
        highest=1,
    )


def _foretold(metric: str, title: str, unit: str, what: str) -> AnyPanel:
    def at(found: catalogue.Metric) -> str:
        return one(chosen(found, metric=f'="{metric}"', window='="$window"'), "version")

    return lines(
        title,
        f"{what}: as it is likely to be before labels, where the truth is to be expected in 95 of 100 windows, and what came true. "
        "Look beside it whether labels contradict the estimate.",
        unit,
        [
            Line(at(MEASURE_OF[metric].current), "{{version}} realised"),
            Line(at(catalogue.ESTIMATED), "{{version}} estimated"),
            Line(at(catalogue.ESTIMATED_LOW), "{{version}} expected from"),
            Line(at(catalogue.ESTIMATED_HIGH), "{{version}} expected to"),
            Line(one(chosen(catalogue.LIMIT, metric=f'="{metric}"'), "version"), "{{version}} limit"),
        ],
        no_value=NO_ESTIMATOR,
        highest=1 if unit == "percentunit" else None,
    )


def groups() -> Iterator[AnyPanel]:
    """How groups fare, and who carries the loss."""
    labels = ("version", "attribute", "criterion")
    yield rows(
        "Fairness",
        "The largest difference between two groups of a sensitive attribute, by criterion. Unfair is said where its whole interval "
        "lies beyond the limit of the spec; which groups these are, the live page says.",
        [
            Column("Verdict", one(chosen(catalogue.UNFAIR), *labels), "short", mappings=UNFAIR),
            Column("Difference", one(chosen(catalogue.FAIRNESS_GAP), *labels), "short", 3),
            Column("Ratio", one(chosen(catalogue.FAIRNESS_RATIO), *labels), "short", 3),
        ],
        {"version": "Version", "attribute": "Attribute", "criterion": "Criterion"},
        no_value="-",
        width=HALF,
        sort="Verdict",
    )
    yield rows(
        "Segments that carry the loss",
        "Share of the loss that a segment carries in excess of the rest: how much worse it does, times its size. Over the newest "
        "settled days that could be judged, a week where there is one.",
        [Column("Of the loss", one(chosen(catalogue.SEGMENT_LOSS), "version", "segment"), "percentunit", 1)],
        {"version": "Version", "segment": "Segment"},
        no_value="No day has settled with labels yet",
        width=HALF,
        sort="Of the loss",
    )
    yield lines(
        "Fairness gap",
        "The same differences over time: a step is a release or a changed input.",
        "short",
        [Line(one(chosen(catalogue.FAIRNESS_GAP), *labels), "{{version}} {{attribute}} {{criterion}}")],
        no_value="No sensitive attribute in the spec, or no day has settled yet",
        width=HALF,
        steps=True,
    )
    yield lines(
        "Rows and features that are otherwise",
        "Share of outliers in the newest window; and whether the model leans on the features as on the reference: rank correlation "
        "and NDCG of its attributions, 1 where nothing changed.",
        "short",
        [
            Line(one(chosen(catalogue.OUTLIERS), "version"), "{{version}} outliers"),
            Line(one(chosen(catalogue.ATTRIBUTION_CORRELATION), "version"), "{{version}} rank correlation"),
            Line(one(chosen(catalogue.ATTRIBUTION_NDCG), "version"), "{{version}} NDCG"),
        ],
        no_value="No window has closed yet, or the spec has neither outlier rules nor importances",
        width=HALF,
        highest=1,
    )


def comparisons() -> Iterator[AnyPanel]:
    """Challengers against their champion."""
    labels = ("version", "champion")
    yield lines(
        "Challenger less champion",
        "Mean error of a challenger less the champion's, with an interval that may be looked at any time. All of it below 0: better.",
        "short",
        [
            Line(
                one(chosen(catalogue.COMPARISON_EFFECT), *labels), "{{version}} less {{champion}}"
            ),
            Line(one(chosen(catalogue.COMPARISON_LOW), *labels), "{{version}} expected from"),
            Line(one(chosen(catalogue.COMPARISON_HIGH), *labels), "{{version}} expected to"),
        ],
        no_value="The model has no challenger with labels",
        width=HALF,
    )  # fmt: skip
    yield rows(
        "Verdicts",
        "Of each challenger, over all predictions. By segment: on the live page.",
        [
            Column("Effect", one(chosen(catalogue.COMPARISON_EFFECT), *labels), "short", 4),
            Column("n", one(chosen(catalogue.COMPARISON_SAMPLES), *labels), "short", 0),
            Column(
                "_verdict", f"{one(chosen(catalogue.COMPARISON_VERDICT), *labels, 'verdict')} == 1", "short"
            ),
        ],
        {"version": "Challenger", "champion": "Champion", "verdict": "Verdict"},
        no_value="-",
        width=HALF,
        sort="Effect",
    )


def service() -> Iterator[AnyPanel]:
    """Answers of the newest windows, finer than the histogram."""
    yield lines(
        "Latency against its objective",
        "How long the model took to answer over the chosen window, by quantile, within 6 %; and the objective of its spec.",
        "s",
        [
            Line(
                one(chosen(catalogue.LATENCY_QUANTILE, window='="$window"'), "version", "share"),
                "{{version}} {{share}}",
            ),
            Line(
                one(chosen(catalogue.LATENCY_OBJECTIVE), "version", "share"), "{{version}} limit of {{share}}"
            ),
        ],
        no_value="Events carry no latency_seconds",
    )
    yield lines(
        "Time-outs",
        "Share of the predictions of the newest window that took longer than the spec's time-out; and how many may, or fail.",
        "percentunit",
        [
            Line(one(chosen(catalogue.TIMEOUTS), "version"), "{{version}}"),
            Line(one(chosen(catalogue.FAILED_OBJECTIVE), "version"), "{{version}} limit"),
        ],
        no_value="Events carry no latency_seconds",
    )
