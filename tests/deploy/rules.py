"""The alert and recording rules, as the tests read them."""

from pathlib import Path
from typing import Any, Final, TypedDict

import yaml

ROOT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RULES: Final = sorted((PROMETHEUS / "rules").glob("*.yml"))
UNIT_TESTS: Final = sorted((PROMETHEUS / "tests").glob("*.yml"))

#: What a series is scraped from: not ours to choose, and never part of a result.
TARGET_LABELS: Final = frozenset({"job", "instance", "pod", "container", "endpoint", "node", "cluster"})


class Rule(TypedDict, total=False):
    alert: str
    record: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> list[Rule]:
    """All rules of all files."""
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts() -> dict[str, Rule]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def unit_tests(alert: str) -> list[dict[str, Any]]:
    """The promtool tests of an alert, which are in the file of its name."""
    tests: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "tests" / f"{alert}.yml").read_text())["tests"]
    return tests
