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
    holder.hold(flight_late(), bike_demand())
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
