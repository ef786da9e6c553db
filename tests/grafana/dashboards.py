"""The committed dashboards, and their queries as Grafana would send them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
DASHBOARDS: Final = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))


class Query(NamedTuple):
    """One query of one panel."""

    panel: str
    expression: str
    instant: bool


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def substitute(expression: str, values: Mapping[str, str]) -> str:
    """Put values in the place of variables, the longer names first: `$__rate_interval` is not `$__r…`."""
    for name in sorted(values, key=len, reverse=True):
        expression = expression.replace(f"${{{name}}}", values[name]).replace(f"${name}", values[name])
    return expression


def queries(dashboard: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Query]:
    """Every query of every panel, variables filled in."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets") or []:
            yield Query(panel["title"], substitute(target["expr"], values), bool(target["instant"]))
