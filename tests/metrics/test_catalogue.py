import re
from pathlib import Path

from monitor_stream.events.results import Metrics
from monitor_stream.judge.performance.band import WORSE
from monitor_stream.metrics import catalogue, reference
from monitor_stream.metrics.catalogue import CATALOGUE, MEASURE_OF, MEASURES, Metric

BASE_UNITS = ("seconds", "bytes", "ratio")
RESERVED = {
    "instance",
    "job",
    "namespace",
    "pod",
    "service",
    "endpoint",
    "container",
    "node",
    "cluster",
    "le",
}


def test_catalogue_is_complete() -> None:
    """Every metric that the module names is in the catalogue, once."""
    named = {value.name for value in vars(catalogue).values() if isinstance(value, Metric)}
    names = [metric.name for metric in CATALOGUE]
    assert named <= set(names)
    assert len(names) == len(set(names))


def test_names_follow_the_conventions() -> None:
    """Names carry the prefix and the suffix of their type, units are base units, and labels clash with no scrape's."""
    for metric in CATALOGUE:
        assert re.fullmatch(r"monitor_stream_[a-z0-9_]+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert (metric.kind == "info") == metric.name.endswith("_info"), metric.name
        if metric.unit in BASE_UNITS:
            assert metric.stem.endswith(f"_{metric.unit}"), metric.name
        assert (metric.kind == "histogram") == bool(metric.buckets), metric.name
        assert not RESERVED & {label.name for label in metric.labels}, metric.name
        assert not metric.help.endswith("."), metric.name


def test_every_performance_metric_has_a_family() -> None:
    """No metric of a window is without a family, and the families agree with the judge on where worse lies."""
    named = set(re.findall(r"``([a-z0-9_ \n]+)``", Metrics.__doc__ or ""))
    assert set(" ".join(named).split()) == MEASURE_OF.keys()
    for metric, worse in WORSE.items():
        assert MEASURE_OF[metric].higher_is_better == (worse == "below"), metric
    assert len(MEASURE_OF) == sum(len(measure.names) for measure in MEASURES)


def test_the_reference_page_is_current() -> None:
    """docs/metrics.md says what the catalogue says; `make generate` writes it."""
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert page.read_text("utf-8") == reference.render()


def test_the_reference_page_names_every_metric_and_label() -> None:
    """Whoever reads the page learns of every metric, and what each label that is not obvious means."""
    page = reference.render()
    for metric in CATALOGUE:
        assert f"### `{metric.name}`" in page
        assert all(f"`{label.name}`" in page for label in metric.labels)
