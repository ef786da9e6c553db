"""The example of an Alertmanager configuration: accepted, routed as meant, and muting only what it should."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.commands import find_command
from tests.deploy.rules import ROOT, alerts

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def amtool(*arguments: object) -> str:
    done = subprocess.run(
        [find_command("amtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return loaded


def test_amtool_accepts_the_configuration() -> None:
    """Alertmanager would start with it."""
    assert "SUCCESS" in amtool("check-config", CONFIG)


@pytest.mark.parametrize("alert", sorted(alerts()))
def test_alerts_reach_who_should_hear_of_them(alert: str) -> None:
    """Critical alerts page, warnings become tickets, good news disturbs nobody: for every alert there is."""
    severity = alerts()[alert]["labels"]["severity"]
    receiver = {"critical": "pager", "warning": "tickets", "info": "nobody"}[severity]
    labels = (f"alertname={alert}", f"severity={severity}", "model=churn", "cluster=compose")
    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels) == receiver


def test_an_alert_nobody_thought_of_is_still_told() -> None:
    """What no route matches becomes a ticket; it does not vanish."""
    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", "alertname=New") == "tickets"


def test_reminders_keep_the_rhythm_of_their_groups() -> None:
    """`repeat_interval` is a multiple of `group_interval`: another value would be rounded up in silence."""
    route = config()["route"]
    for each in (route, *route["routes"]):
        if "repeat_interval" in each:
            assert _seconds(each["repeat_interval"]) % _seconds(route["group_interval"]) == 0


@pytest.mark.parametrize("rule", config()["inhibit_rules"], ids=lambda rule: rule["source_matchers"][0])
def test_muting_names_alerts_that_exist_and_labels_they_share(rule: dict[str, Any]) -> None:
    """Each rule mutes something, never its own source, and compares labels by name."""
    (source,), (target,) = rule["source_matchers"], rule["target_matchers"]
    sources = {alert for alert in alerts() if re.fullmatch(_pattern(source), alert)}
    targets = {alert for alert in alerts() if re.fullmatch(_pattern(target), alert)}
    assert sources
    assert targets
    assert not sources & targets
    assert rule["equal"]
    assert "name" not in rule, "Alertmanager 0.25 does not know it"
    if "model" in rule["equal"]:
        assert all(alert.startswith("Model") for alert in sources | targets), "both must have the label"


def _pattern(matcher: str) -> str:
    found = re.fullmatch(r'alertname=~?"(.+)"', matcher)
    assert found is not None, matcher
    return found[1]


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]
