"""The dashboards are what the generator makes, ask for what exists, and keep the rules of good dashboards."""

import copy
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.dashboard import render_all
from grafana.dashboard.queries import series
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import CATALOGUE, MEASURE_OF
from tests.commands import find_command
from tests.grafana.dashboards import DASHBOARDS, ROOT, load, queries
from tests.grafana.linting import RULES, panels, targets, variables
from tests.promql import grouped_labels, labels_of, metric_of, names, selectors

FLEET = ROOT / "grafana" / "dashboards" / "monitor-stream-fleet.json"
EXCLUSIONS = yaml.safe_load((ROOT / "grafana" / ".lint").read_text(encoding="utf-8"))["exclusions"]
VALUES = {
    "job": ".+",
    "instance": ".+",
    "model": "churn",
    "version": ".*",
    "window": "1h",
    "__rate_interval": "1m",
    "__range": "6h",
}
SCRAPED = {"job", "instance"}


def excluded(rule: str) -> set[tuple[str, str]]:
    """(dashboard's title, panel's title) that a rule need not hold for."""
    return {(each["dashboard"], each["panel"]) for each in EXCLUSIONS.get(rule, {"entries": []})["entries"]}


def test_dashboards_are_as_generated() -> None:
    """What is committed is what the code makes; `make generate` writes it."""
    made = render_all()
    assert {path.name for path in DASHBOARDS} == set(made)
    for path in DASHBOARDS:
        assert path.read_text(encoding="utf-8") == made[path.name], (
            f"{path.name} is stale: run `make generate`"
        )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_keep_the_linters_rules(path: Path, rule: str) -> None:
    """No rule is broken but where `.lint` says so, with its reason."""
    dashboard = load(path)
    allowed = excluded(rule)
    problems = [each for each in RULES[rule](dashboard) if (dashboard["title"], each[0]) not in allowed]
    assert problems == []


@pytest.mark.parametrize("rule", EXCLUSIONS)
def test_no_exclusion_is_left_that_nothing_needs(rule: str) -> None:
    """An exclusion is removed with what made it necessary, and none is without a reason."""
    assert EXCLUSIONS[rule]["reason"]
    found = {
        (dashboard["title"], panel)
        for path in DASHBOARDS
        for dashboard in [load(path)]
        for panel, _ in RULES[rule](dashboard)
    }
    assert excluded(rule) <= found


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_queries_ask_for_metrics_and_labels_that_exist(path: Path) -> None:
    """Every metric of every query and variable is in the catalogue, every label belongs to its family."""
    dashboard = load(path)
    asked = [expression for _, expression in targets(dashboard)]
    asked += [each["query"]["query"] for each in variables(dashboard).values() if each["type"] == "query"]
    for expression in asked:
        families = [selector for selector in selectors(expression) if selector.name != "ALERTS"]
        for selector in families:
            metric = metric_of(selector.name)
            assert metric is not None, expression
            assert selector.matchers <= labels_of(metric) | SCRAPED, expression
        known = {
            label for name in names(expression) if (found := metric_of(name)) for label in labels_of(found)
        }
        assert grouped_labels(expression) <= known | SCRAPED, expression


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_legends_and_columns_show_labels_that_the_query_leaves(path: Path) -> None:
    """A legend never reads `{{segment}}` where segments were added up: that would show as nothing."""
    for panel in panels(load(path)):
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
            assert named <= grouped_labels(target["expr"]) | SCRAPED, (panel["title"], target["expr"])
            first = re.match(r"(?:sum|max) by \(([^)]*)\)", target["expr"])
            if first and target.get("legendFormat"):
                left = {label.strip() for label in first[1].split(",")}
                assert named <= left, (panel["title"], target["expr"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_understands_every_query(path: Path, tmp_path: Path) -> None:
    """With its variables filled in, each query is PromQL, by promtool."""
    rules = [
        {"record": f"query{index}", "expr": query.expression}
        for index, query in enumerate(queries(load(path), VALUES))
    ]
    assert not [rule for rule in rules if "$" in rule["expr"]]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [find_command("promtool"), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_lead_to_dashboards_that_exist() -> None:
    """A link's uid is that of a committed dashboard, whose file bears the uid as its name."""
    assert all(load(path)["uid"] == path.stem for path in DASHBOARDS)
    for path in DASHBOARDS:
        for uid in re.findall(r"/d/([\w-]+)\?", path.read_text(encoding="utf-8")):
            assert uid in {each.stem for each in DASHBOARDS}


def test_a_query_for_what_does_not_exist_cannot_be_written() -> None:
    """The generator refuses a label that the metric lacks, and a histogram's name without its part."""
    with pytest.raises(ValueError, match="has no label segment"):
        series(catalogue.PENDING, segment='="a"')
    with pytest.raises(ValueError, match="is a histogram"):
        series(catalogue.LATENCY)


def test_all_that_a_model_is_judged_by_can_be_seen() -> None:
    """The metrics of the issue's dashboard are asked for: traffic, labels, errors, limits, drift, segments, estimates, groups,
    comparisons, the service, the worker.
    """
    asked = {metric_of(name) for _, expression in targets(load(FLEET)) for name in names(expression)}
    assert {
        catalogue.PREDICTIONS,
        catalogue.LABELLED_RATIO,
        catalogue.LABEL_DELAY,
        catalogue.LIMIT,
        catalogue.DETECTIONS,
        catalogue.DRIFT_DETECTED,
        catalogue.BAD,
        catalogue.ESTIMATED,
        catalogue.ESTIMATED_LOW,
        catalogue.CONTRADICTED,
        catalogue.NEAR_THRESHOLD,
        catalogue.UNFAIR,
        catalogue.SEGMENT_LOSS,
        catalogue.COMPARISON_VERDICT,
        catalogue.LATENCY_QUANTILE,
        catalogue.TIMEOUTS,
        catalogue.OUTLIERS,
        catalogue.ATTRIBUTION_NDCG,
        MEASURE_OF["ece"].current,
        catalogue.LAG,
        catalogue.CHECKPOINT,
    } <= asked
    assert asked <= set(CATALOGUE) | {None}


def _first(dashboard: dict[str, Any]) -> dict[str, Any]:
    return next(panel for panel in dashboard["panels"] if panel["type"] == "timeseries")


def _put(**changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda dashboard: dashboard.update(changes)


def _put_in_panel(**changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda dashboard: _first(dashboard).update(changes)


def _ask(expression: str) -> Callable[[dict[str, Any]], None]:
    return lambda dashboard: _first(dashboard)["targets"][0].update(expr=expression)


def _variable(name: str, /, **changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda dashboard: variables(dashboard)[name].update(changes)


ALL = 'job=~"$job", instance=~"$instance"'
SPOILT: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("template-datasource-rule", _variable("datasource", name="DS_PROMETHEUS")),
    ("template-job-rule", _variable("job", allValue=".*")),
    ("template-instance-rule", _variable("instance", multi=False)),
    (
        "template-label-promql-rule",
        _variable("model", query={"query": "label_values(up, model)", "refId": "a"}),
    ),
    ("template-on-time-change-reload-rule", _variable("model", refresh=1)),
    ("template-unused-rule", _variable("window", name="unused")),
    ("panel-datasource-rule", _put_in_panel(datasource={"type": "prometheus", "uid": "prometheus"})),
    ("panel-title-description-rule", _put_in_panel(description="")),
    ("panel-units-rule", _put_in_panel(fieldConfig={"defaults": {"unit": "seconds"}, "overrides": []})),
    ("panel-no-targets-rule", _put_in_panel(targets=[])),
    ("panel-no-value-rule", _put_in_panel(fieldConfig={"defaults": {"unit": "s"}, "overrides": []})),
    ("target-job-rule", _ask('monitor_stream_pending_predictions{instance=~"$instance"}')),
    ("target-instance-rule", _ask('monitor_stream_pending_predictions{job=~"$job"}')),
    ("target-rate-interval-rule", _ask(f"rate(monitor_stream_predictions_total{{{ALL}}}[5m])")),
    ("target-counter-agg-rule", _ask(f"sum(monitor_stream_predictions_total{{{ALL}}})")),
    ("uneditable-dashboard", _put(editable=True)),
    ("provisionable", _put(__inputs=[])),
    ("layout", _put_in_panel(gridPos={"x": 20, "y": 0, "w": 8, "h": 4})),
]


def test_every_rule_of_the_linter_is_tried() -> None:
    """A rule that finds nothing anywhere would look like a clean dashboard."""
    assert [rule for rule, _ in SPOILT] == list(RULES)


@pytest.mark.parametrize(("rule", "spoil"), SPOILT, ids=[rule for rule, _ in SPOILT])
def test_the_linter_finds_what_it_is_there_for(rule: str, spoil: Callable[[dict[str, Any]], None]) -> None:
    """Each rule finds the fault it is named after."""
    good = load(FLEET)
    bad = copy.deepcopy(good)
    spoil(bad)
    assert len(list(RULES[rule](bad))) > len(list(RULES[rule](good)))
