import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import CollectorRegistry

from monitor_stream.events.results import ModelResults
from monitor_stream.metrics.catalogue import CATALOGUE
from monitor_stream.metrics.documents import Documents
from monitor_stream.metrics.limits import SeriesLimits
from monitor_stream.metrics.registry import render, results_registry
from monitor_stream.settings import Settings
from tests.commands import find_command
from tests.metrics.documents import (
    DAY,
    HOSTILE,
    HOUR,
    START,
    bike_demand,
    column,
    drift_span,
    fleet,
    flight_late,
    newcomer,
)
from tests.metrics.judged import comparison, contest, contradiction, fairness, segment_losses
from tests.metrics.strict import parse_openmetrics

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass
class Holder:
    """What the collector reads from, to be changed between scrapes."""

    latest: Documents = field(default_factory=fleet)
    failures: int = 0

    def hold(self, *models: ModelResults) -> None:
        self.latest = Documents(models={document.model: document for document in models})


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def registry(holder: Holder) -> CollectorRegistry:
    return results_registry(holder, SeriesLimits(), Settings().topic)


def scrape(registry: CollectorRegistry) -> Series:
    """Every series of a scrape; the same series twice is an error, as it is to Prometheus."""
    series: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in parse_text(render(registry)[0].decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in series
            series[key] = sample.value
    return series


def value(series: Series, name: str, **labels: str) -> float:
    return series[f"monitor_stream_{name}", frozenset(labels.items())]


def total(series: Series, name: str, **labels: str) -> float:
    """The sum over all other labels."""
    wanted = labels.items()
    return sum(v for (n, ls), v in series.items() if n == f"monitor_stream_{name}" and wanted <= set(ls))


def test_counters_are_the_exact_totals(registry: CollectorRegistry) -> None:
    """What the documents count is what Prometheus sees, by segment and in all."""
    series = scrape(registry)
    assert total(series, "predictions_total", model="flight-late") == 284_821
    assert total(series, "scored_predictions_total", model="flight-late", version="3") == 277_337
    assert value(series, "predictions_total", model="bike-demand", version="2026-10", segment="UA") == 1860
    assert value(series, "labels_total", model="flight-late", version="3", outcome="joined") == 277_337
    assert value(series, "labels_total", model="flight-late", version="", outcome="orphan") == 12
    assert value(series, "records_read_total", topic="monitor.predictions") == 290_001
    assert value(series, "dead_letter_records_total", topic="monitor.predictions", reason="not_json") == 4
    assert value(series, "late_records_total", model="flight-late", version="3") == 7
    assert total(series, "feature_invalid_values_total", feature="distance", reason="range") == 176


def test_known_labels_begin_at_zero(registry: CollectorRegistry) -> None:
    """A first event can be seen as a rise, because the zero before it was exported."""
    series = scrape(registry)
    of = {"model": HOSTILE, "version": HOSTILE}
    assert value(series, "scored_predictions_total", segment="", **of) == 0
    assert value(series, "labels_total", outcome="joined", **of) == 0
    assert value(series, "drift_detections_total", detector="adwin", **of) == 0
    assert value(series, "open_incidents", severity="critical", **of) == 0
    assert value(series, "schema_violations_total", check="duplicate", **of) == 0


def test_quality_baseline_and_limit_can_be_joined(registry: CollectorRegistry) -> None:
    """A metric, its baseline and its limit carry the same model, version and metric."""
    series = scrape(registry)
    of = {"model": "bike-demand", "version": "2026-10", "metric": "mae"}
    assert value(series, "model_error", window="1d", **of) == 97.3
    assert value(series, "baseline_error", **of) == 30.8
    assert value(series, "metric_limit", **of) == 41.5
    of = {"model": "flight-late", "version": "3"}
    assert value(series, "model_quality_ratio", metric="accuracy", window="1h", **of) == 0.791
    assert value(series, "model_loss", metric="brier", window="1h", **of) == pytest.approx(0.149)
    assert value(series, "model_positive_ratio", metric="base_rate", window="1h", **of) == 0.22
    assert value(series, "model_scored_samples", window="1d", **of) == 828
    assert value(series, "slo_objective_ratio", model="flight-late") == 0.75


def test_what_cannot_be_computed_is_absent(registry: CollectorRegistry) -> None:
    """A model without labels has no quality, no baseline and no newest label, rather than zeros."""
    names = {name for (name, labels) in scrape(registry) if ("model", HOSTILE) in labels}
    assert not [
        name for name in names if "model_quality" in name or "baseline" in name or "last_label" in name
    ]
    assert "monitor_stream_model_info" in names
    assert (
        "monitor_stream_window_labelled_ratio" in names
    )  # it has predictions, and their labelled share is 0


def test_drift_and_incidents_are_shown(registry: CollectorRegistry) -> None:
    """An open incident counts, a resolved one does not, silenced ones apart, and drift is a gauge and a counter."""
    series = scrape(registry)
    of = {"model": "bike-demand", "version": "2026-10"}
    assert value(series, "open_incidents", severity="critical", **of) == 1
    assert value(series, "open_incidents", severity="warning", **of) == 0
    assert value(series, "silenced_incidents", severity="critical", **of) == 0
    assert value(series, "incident_signals", signal="error", **of) == 1
    assert value(series, "incident_signals", signal="quality", **of) == 0
    assert value(series, "incidents_opened_total", severity="critical", **of) == 1
    assert value(series, "incidents_opened_total", severity="warning", **of) == 1
    opened = START + 68 * HOUR
    assert value(series, "oldest_incident_timestamp_seconds", severity="critical", **of) == opened.timestamp()
    assert ("monitor_stream_oldest_incident_timestamp_seconds", "warning") not in {
        (name, dict(labels).get("severity")) for name, labels in series
    }
    assert value(series, "drift_detected", scope="error", **of) == 1
    assert value(series, "drift_detected", scope="features", **of) == 0
    assert value(series, "drift_detections_total", detector="adwin", **of) == 1


def test_the_distances_are_of_the_newest_span(registry: CollectorRegistry) -> None:
    """Score and multiple of the threshold by column, and counts of all features, not of those with a series."""
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    assert value(series, "drift_score", feature="carrier", method="js", **of) == pytest.approx(0.2)
    assert value(series, "drift_threshold_ratio", feature="carrier", method="js", **of) == pytest.approx(2.5)
    assert value(series, "drift_threshold_ratio", feature="__score__", method="js", **of) == pytest.approx(
        0.6
    )
    assert value(series, "drifted_features", **of) == 1
    assert value(series, "monitored_features", **of) == 2
    assert value(series, "drift_window_samples", **of) == 900
    assert value(series, "drift_min_samples", **of) == 500
    assert value(series, "drift_window_end_timestamp_seconds", **of) == (START + 3 * DAY).timestamp()
    assert value(series, "reference_timestamp_seconds", **of) == START.timestamp() - 86400.0
    assert not [labels for name, labels in series if ("feature", "gate") in labels and "drift" in name]


def test_vectors_are_features_and_rows_are_not(registry: CollectorRegistry) -> None:
    """A vector is judged by its centroid; what looks at rows as a whole has a name of its own."""
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    assert value(series, "drift_score", feature="embedding", method="centroid", **of) == pytest.approx(0.1)
    assert value(
        series, "drift_score", feature="__rows__", method="domain_classifier", **of
    ) == pytest.approx(0.52)


def test_the_label_is_of_the_newest_span_that_settled(registry: CollectorRegistry) -> None:
    """Labels come late: the newest span has none yet."""
    of = {"model": "flight-late", "version": "3", "feature": "__target__", "method": "js"}
    assert value(scrape(registry), "drift_threshold_ratio", **of) == pytest.approx(0.3)


def test_a_model_without_references_has_no_drift(registry: CollectorRegistry) -> None:
    """Nothing is exported, rather than zeros."""
    names = {name for name, labels in scrape(registry) if ("model", "bike-demand") in labels}
    assert not [name for name in names if "drift" in name and "detect" not in name]


def test_what_drifts_gets_a_series_in_place_of_what_does_not(holder: Holder) -> None:
    """Beyond the limit the features that drifted are shown; while they do, they keep their series."""

    def shown(**ratios: float) -> set[str]:
        columns = [column(name, ratio) for name, ratio in ratios.items()]
        document = flight_late()
        span = drift_span(START, columns, settled=False, model="flight-late", version="3")
        version = msgspec.structs.replace(document.versions["3"], drift=[span])
        holder.hold(msgspec.structs.replace(document, versions={"3": version}))
        series = scrape(few)
        assert value(series, "monitored_features", model="flight-late", version="3") == len(ratios)
        return {dict(labels)["feature"] for name, labels in series if name.endswith("drift_threshold_ratio")}

    few = results_registry(holder, SeriesLimits(features=2), Settings().topic)
    assert shown(a=0.5, b=0.2, c=0.1) == {"a", "b"}
    assert shown(a=0.1, b=0.2, c=0.9) == {"a", "b"}
    assert shown(a=0.5, b=0.2, c=3.0) == {"a", "c"}
    assert shown(a=0.5, b=9.0, c=2.0) == {"b", "c"}
    assert shown(a=9.9, b=1.5, c=1.1) == {"b", "c"}
    dropped = "monitor_stream_drift_threshold_ratio"
    assert value(scrape(few), "series_limit_exceeded_total", metric=dropped) > 0


def test_estimates_stand_beside_what_came_true(registry: CollectorRegistry) -> None:
    """Value and band by the same labels as the realised metric, and whether labels contradict them."""
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    accuracy = of | {"metric": "accuracy", "window": "1d"}
    assert value(series, "estimated_metric", **accuracy) == 0.842
    assert value(series, "estimated_metric_low", **accuracy) == 0.818
    assert value(series, "estimated_metric_high", **accuracy) == 0.866
    assert value(series, "model_quality_ratio", **accuracy) == 0.791
    assert value(series, "estimated_samples", window="1d", **of) == 920
    assert value(series, "estimate_contradicted", **of) == 1
    assert value(series, "estimate_contradictions_total", **of) == 2
    assert value(series, "estimate_gap", **of) == 0.052
    assert value(series, "near_threshold_ratio", window="1h", **of) == 0.081
    assert value(series, "uncertainty_ratio", window="1h", **of) == 0.176


def test_estimates_that_agree_are_not_contradicted(holder: Holder, registry: CollectorRegistry) -> None:
    """The mark goes, the count stays; without an estimator neither is there."""
    document = flight_late()
    agreed = msgspec.structs.replace(document.versions["3"], contradiction=contradiction(active=False))
    holder.hold(msgspec.structs.replace(document, versions={"3": agreed}), bike_demand())
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    assert value(series, "estimate_contradicted", **of) == 0
    assert value(series, "estimate_contradictions_total", **of) == 2
    told = {
        dict(labels)["model"] for name, labels in series if name.startswith("monitor_stream_estimate_contra")
    }
    assert told == {"flight-late"}


def test_groups_and_segments_are_shown(registry: CollectorRegistry) -> None:
    """A gap and its verdict by attribute and criterion, and the loss of the segments that carry most."""
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    parity = of | {"attribute": "carrier_group", "criterion": "demographic_parity"}
    assert value(series, "fairness_gap", **parity) == 0.21
    assert value(series, "fairness_ratio", **parity) == 0.5
    assert value(series, "fairness_unfair", **parity) == 1
    unsaid = of | {"attribute": "carrier_group", "criterion": "calibration"}
    assert value(series, "fairness_unfair", **unsaid) == 0
    assert ("monitor_stream_fairness_ratio", frozenset(unsaid.items())) not in series
    assert value(series, "segment_loss_ratio", segment="carrier=EV", **of) == 0.14


def test_the_newest_window_tells_of_answers_and_rows(registry: CollectorRegistry) -> None:
    """Latency by quantile, time-outs and outliers as shares; and whether the model leans on the same features."""
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    assert value(series, "model_latency_seconds", share="0.99", window="1d", **of) == 0.021
    assert value(series, "latency_objective_seconds", share="0.99", **of) == 0.05
    assert value(series, "failed_objective_ratio", **of) == 0.01
    assert not [
        name for name, labels in series if "objective_s" in name and ("model", "bike-demand") in labels
    ]
    n = flight_late().versions["3"].windows[-1].n
    assert value(series, "window_timeout_ratio", **of) == (n // 20) / n
    assert value(series, "window_outlier_ratio", **of) == 0.0125
    assert value(series, "attribution_rank_correlation", **of) == 0.5
    assert value(series, "attribution_ndcg_ratio", **of) == 0.93


def test_a_challenger_is_shown_against_its_champion(holder: Holder, registry: CollectorRegistry) -> None:
    """Effect and interval over all predictions, not by segment, and one verdict of four; a version that is gone has none."""
    holder.hold(contest(flight_late()))
    series = scrape(registry)
    of = {"model": "flight-late", "version": "4", "champion": "3"}
    assert value(series, "comparison_effect", **of) == -0.021
    assert value(series, "comparison_effect_low", **of) == pytest.approx(-0.033)
    assert value(series, "comparison_effect_high", **of) == pytest.approx(-0.009)
    assert value(series, "comparison_samples", **of) == 12_400
    assert value(series, "comparison_verdict", verdict="better", **of) == 1
    assert value(series, "comparison_verdict", verdict="worse", **of) == 0
    assert total(series, "comparison_verdict") == 1
    holder.hold(msgspec.structs.replace(flight_late(), comparisons=[comparison()]))
    assert not [name for name, _ in scrape(registry) if "comparison" in name]


@pytest.mark.parametrize("changes", [{"ended": START}, {"not_computable": "other units"}])
def test_a_comparison_that_is_over_or_cannot_be_made_is_not_shown(
    holder: Holder, registry: CollectorRegistry, changes: dict[str, object]
) -> None:
    """No effect of 0 stands for one that is not known."""
    over = msgspec.structs.replace(comparison(), **changes)
    holder.hold(msgspec.structs.replace(contest(flight_late()), comparisons=[over]))
    assert not [name for name, _ in scrape(registry) if "comparison" in name]


def test_attributes_beyond_the_limit_are_left_out_but_not_the_unfair(holder: Holder) -> None:
    """An attribute whose groups are treated unlike takes the series of one where they are not; the cut is counted."""
    few = results_registry(holder, SeriesLimits(features=1), Settings().topic)
    document = flight_late()

    def shown(**unfair: bool) -> set[str]:
        found = [fairness(name) if bad else msgspec.structs.replace(fairness(name), gaps=fairness().gaps[1:])
                 for name, bad in unfair.items()]  # fmt: skip
        version = msgspec.structs.replace(document.versions["3"], fairness=found)
        holder.hold(msgspec.structs.replace(document, versions={"3": version}))
        return {dict(labels)["attribute"] for name, labels in scrape(few) if name.endswith("fairness_gap")}

    assert shown(age=False, sex=False) == {"age"}
    assert shown(age=False, sex=True) == {"sex"}
    assert shown(age=True, sex=True) == {"sex"}
    assert value(scrape(few), "series_limit_exceeded_total", metric="monitor_stream_fairness_gap") > 0


def test_histograms_are_cumulative(registry: CollectorRegistry) -> None:
    """Buckets rise to the count, and the last one is +Inf."""
    series = scrape(registry)
    of = {"model": "flight-late", "version": "3"}
    count = value(series, "label_delay_seconds_count", **of)
    assert count == value(series, "label_delay_seconds_bucket", le="+Inf", **of) == 277_337
    assert value(series, "label_delay_seconds_bucket", le="60.0", **of) == 0
    assert value(series, "label_delay_seconds_bucket", le="21600.0", **of) > 0


def test_retired_models_vanish(registry: CollectorRegistry, holder: Holder) -> None:
    """A model that is gone from the results is gone from the metrics at the next scrape, and nothing else is."""
    before = scrape(registry)
    holder.latest = Documents(
        models={name: model for name, model in holder.latest.models.items() if name != "bike-demand"},
        sources=holder.latest.sources,
    )
    after = scrape(registry)
    gone = {key for key in before if key not in after}
    assert gone
    assert all(("model", "bike-demand") in labels for _, labels in gone)
    assert not [labels for _, labels in after if ("model", "bike-demand") in labels]


def test_scrapes_of_the_same_results_are_the_same(holder: Holder) -> None:
    """Two scrapes of an unchanged store give the same series."""
    registry = results_registry(holder, SeriesLimits(), Settings().topic)
    first, second = scrape(registry), scrape(registry)
    assert first.keys() == second.keys()


def test_segments_beyond_the_limit_are_counted_together(holder: Holder) -> None:
    """The largest segments keep their series, the rest is ``__other__``, the sum is exact, and the cut is counted."""
    registry = results_registry(holder, SeriesLimits(segments=2, features=1), Settings().topic)
    holder.hold(flight_late())
    series = scrape(registry)
    segments = {
        dict(labels)["segment"] for name, labels in series if name == "monitor_stream_predictions_total"
    }
    assert segments == {"UA", "B6", "__other__"}
    assert total(series, "predictions_total") == 284_821
    assert value(series, "series_limit_exceeded_total", metric="monitor_stream_predictions_total") == 2
    features = {
        dict(labels)["feature"] for name, labels in series if name == "monitor_stream_feature_values_total"
    }
    assert features == {"distance", "__other__"}
    again = scrape(registry)
    assert value(again, "series_limit_exceeded_total", metric="monitor_stream_predictions_total") == 4


def test_models_and_versions_beyond_the_limit_are_left_out(holder: Holder) -> None:
    """A flood of model names does not become a flood of series; of versions, the active ones stay."""
    registry = results_registry(holder, SeriesLimits(models=1, versions=1), Settings().topic)
    model = flight_late()
    old = msgspec.structs.replace(model.versions["3"], version="2", newest_prediction=1.0)
    holder.hold(msgspec.structs.replace(model, versions={"2": old, **model.versions}), newcomer("zz"))
    series = scrape(registry)
    shown = {tuple(sorted(labels)) for name, labels in series if name == "monitor_stream_model_info"}
    assert [(dict(labels)["model"], dict(labels)["version"]) for labels in shown] == [("flight-late", "3")]
    assert value(series, "series_limit_exceeded_total", metric="monitor_stream_model_info") == 2


def test_only_the_catalogue_is_exported(registry: CollectorRegistry) -> None:
    """Every family is in the catalogue under its type with its labels, but for the process's own; none is `_created`."""
    known = {metric.name: metric for metric in CATALOGUE}
    for family in parse_text(render(registry)[0].decode()):
        if family.name.startswith(("process_", "python_")):
            continue
        metric = known[family.name + ("_total" if family.type == "counter" else "")]
        assert family.type == {"info": "gauge"}.get(metric.kind, metric.kind)
        assert family.documentation == metric.help
        for sample in family.samples:
            assert not sample.name.endswith("_created")
            assert sample.labels.keys() - {"le"} == {label.name for label in metric.labels}


def test_promtool_finds_nothing(registry: CollectorRegistry, holder: Holder) -> None:
    """Prometheus' own linter has no remark on a full page."""
    holder.failures = 1
    page = render(registry)[0]
    check = subprocess.run(
        [find_command("promtool"), "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


def test_openmetrics_is_valid(registry: CollectorRegistry) -> None:
    """The strict parser reads the page, units included, and finds the same series as in plain text."""
    page, content_type = render(registry, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    families = parse_openmetrics(page)
    units = {family.name: family.unit for family in families}
    assert units["monitor_stream_label_delay_seconds"] == "seconds"
    assert units["monitor_stream_slo_objective_ratio"] == "ratio"
    assert {sample.name for family in families for sample in family.samples} == {
        name for name, _ in scrape(registry)
    }


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(min_size=1, max_size=30)
    | st.sampled_from(['a"b', "a\nb", "a\\", "\\n", "a\r\nb", "ü\u2028", "{}#,="])
)
def test_any_name_survives(name: str) -> None:
    """Quotes, line breaks, backslashes, any Unicode: the name that went in is the name that is read."""
    holder = Holder()
    holder.hold(newcomer(name, segment=name))
    registry = results_registry(holder, SeriesLimits(), Settings().topic)
    series = scrape(registry)
    assert value(series, "predictions_total", model=name, version=HOSTILE, segment=name) == 20
    strict = parse_openmetrics(render(registry, OPENMETRICS)[0])
    assert name in {sample.labels.get("model") for family in strict for sample in family.samples}


def test_the_bound_holds(holder: Holder) -> None:
    """No metric has more series than its labels allow."""
    document = flight_late()
    crowded = msgspec.structs.replace(
        document.versions["3"],
        fairness=[fairness(name) for name in ("age", "sex", "nation")],
        segment_losses=[msgspec.structs.replace(segment_losses()[0], value=str(i)) for i in range(12)],
    )
    holder.hold(msgspec.structs.replace(document, versions={"3": crowded}), bike_demand())
    registry = results_registry(
        holder, SeriesLimits(models=1, versions=1, segments=1, features=1), Settings().topic
    )
    sizes = {"M": 1, "V": 1, "S": 2, "K": 2, "(K+5)": 6, "T": 7, "P": 1, "N": len(CATALOGUE)}
    series = scrape(registry)
    for metric in CATALOGUE:
        bound = 1
        for factor in metric.bound.split("·"):
            bound *= sizes[factor] if factor in sizes else int(factor)
        found = [
            name
            for name, _ in series
            if name in {metric.name, *(metric.name + s for s in ("_bucket", "_sum", "_count"))}
        ]
        # labels that belong to no version come on top of those that do
        assert len(found) <= bound * (2 if metric.name.endswith("labels_total") else 1), metric.name
