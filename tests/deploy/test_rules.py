"""The rules hold what they promise, by promtool; and what promtool does not look at."""

import re
import subprocess
from pathlib import Path

import pytest

from monitor_stream.metrics.catalogue import CATALOGUE, MEASURES, Measure
from tests.commands import find_command
from tests.deploy.rules import PROMETHEUS, ROOT, RULES, TARGET_LABELS, UNIT_TESTS, alerts, rules, unit_tests
from tests.promql import grouped_labels, labels_of, metric_of, names, selectors

RUNBOOKS = ROOT / "docs" / "runbooks"
RUNBOOK_BASE = "https://example.org/monitor-stream/runbooks/"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def promtool(*arguments: object) -> None:
    done = subprocess.run(
        [find_command("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_in_the_rules() -> None:
    """Promtool accepts every rule file, lint warnings included."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_promtool_accepts_the_scrape_configuration() -> None:
    """Prometheus would start with the configuration, rules included."""
    promtool("check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_alert_fires_and_stays_silent_when_it_should(path: Path) -> None:
    """Each alert fires at the exact minute, with its whole text, and is silent in the cases that come close."""
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", sorted(alerts()))
def test_every_alert_is_tested_firing_and_silent(alert: str) -> None:
    """No alert is without a test that fires, one minute of silence just before, and a case that never fires."""
    fires, silent = unit_tests(alert)
    minutes = {
        int(case["eval_time"].removesuffix("m")): bool(case["exp_alerts"])
        for case in fires["alert_rule_test"]
    }
    first = min(minute for minute, firing in minutes.items() if firing)
    assert minutes[first - 1] is False
    assert not any(case["exp_alerts"] for case in silent["alert_rule_test"])


@pytest.mark.parametrize("alert", sorted(alerts()))
def test_every_alert_says_how_urgent_what_and_where_to_read_on(alert: str) -> None:
    """Severity, a summary that never varies, numbers in the description, and the runbook's address."""
    rule = alerts()[alert]
    assert re.fullmatch(r"(Model|Monitor)([A-Z][a-z]+)+", alert)
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert not any("{{" in value for value in rule["labels"].values()), "a label that varies is another alert"
    assert "{{" not in rule["annotations"]["summary"]
    assert "{{" in rule["annotations"]["description"]
    assert rule["annotations"]["runbook_url"] == RUNBOOK_BASE + alert


@pytest.mark.parametrize("alert", sorted(alerts()))
def test_every_alert_has_a_runbook(alert: str) -> None:
    """The page exists, bears the alert's name and says what it means, what it does, why it may be, what helps."""
    text = (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])
    assert f"[{alert}]({alert}.md)" in (RUNBOOKS / "README.md").read_text(encoding="utf-8")


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    """A page for each alert, and no page more."""
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(alerts())


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_runbooks_name_only_metrics_that_exist(path: Path) -> None:
    """Whoever copies a query out of a runbook at night gets an answer."""
    families = {metric.name for metric in CATALOGUE}
    mentioned = names(path.read_text(encoding="utf-8"))
    assert {name for name in mentioned - families if metric_of(name) is None} == set()


def test_rules_use_only_metrics_and_labels_that_exist() -> None:
    """Every series in a rule or its text is in the catalogue or recorded, and matched by labels it has."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        texts = [rule["expr"], *rule.get("annotations", {}).values()]
        for selector in (found for text in texts for found in selectors(text)):
            if selector.name in recorded:
                continue
            metric = metric_of(selector.name)
            assert metric is not None, selector.name
            assert selector.matchers <= labels_of(metric), selector


def test_rules_group_only_by_labels_that_exist() -> None:
    """A misspelt label in `without` or `ignoring` would go unnoticed by Prometheus."""
    for rule in rules():
        known = {
            label
            for name in names(rule["expr"])
            if (metric := metric_of(name))
            for label in labels_of(metric)
        }
        if any(metric_of(name) is None for name in names(rule["expr"])):
            known |= {"model", "version", "feature", "metric", "window", "topic"}
        assert grouped_labels(rule["expr"]) - known - TARGET_LABELS == set(), rule


def test_what_is_recorded_is_used() -> None:
    """A recording rule that nothing reads costs memory for nothing."""
    text = "".join(path.read_text(encoding="utf-8") for path in RULES)
    for rule in rules():
        if "record" in rule:
            assert len(re.findall(re.escape(rule["record"]) + r"\b", text)) > 1, rule["record"]


@pytest.mark.parametrize(
    "measure",
    [measure for measure in MEASURES if measure.higher_is_better is not None],
    ids=lambda measure: measure.current.name,
)
def test_the_error_alert_looks_at_every_metric_in_its_right_direction(measure: Measure) -> None:
    """A family of metrics added to the catalogue is alerted on, where it is known what is worse."""
    sign = "<" if measure.higher_is_better else ">"
    expression = alerts()["ModelErrorAboveBaseline"]["expr"]
    assert re.search(rf"\({measure.current.name}\)\s+{sign} ignoring \(window\)", expression)


def test_the_estimate_alert_looks_at_every_metric_in_its_right_direction() -> None:
    """What is alerted on when it came true is alerted on when it is foretold."""
    expression = alerts()["ModelEstimatedErrorAboveBaseline"]["expr"]
    looked_at = {
        sign: set(found.split("|"))
        for found, sign in re.findall(r'\{metric=~"([^"]+)"\}\)\s+([<>]) ignoring', expression)
    }
    for better, sign in ((True, "<"), (False, ">")):
        assert looked_at[sign] == {
            name for each in MEASURES if each.higher_is_better is better for name in each.names
        }
