"""The core rules of Grafana's dashboard-linter, by its names for them, and some of our own.

Each rule looks at a dashboard's JSON and yields what is wrong as (panel's title or "", message).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.promql import selectors

Dashboard = Mapping[str, Any]
Problems = Iterator[tuple[str, str]]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
UNITS: Final = {"short", "percentunit", "s", "dtdurations", "cps", "bytes", "none"}

_RATED: Final = re.compile(r"\b(?:rate|irate|increase)\(\s*$")


def panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    """All panels but rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def variables(dashboard: Dashboard) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def targets(dashboard: Dashboard) -> Iterator[tuple[str, str]]:
    """(panel's title, expression)."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def _template_datasource(dashboard: Dashboard) -> Problems:
    sources = [each for each in dashboard["templating"]["list"] if each["type"] == "datasource"]
    if [each["name"] for each in sources] != ["datasource"]:
        yield "", "not exactly one data source variable of the name 'datasource'"
    for each in sources:
        if each["label"] != "Data source" or each["query"] != "prometheus":
            yield "", f"data source variable is labelled {each['label']}"


def _template_target(name: str) -> Callable[[Dashboard], Problems]:
    def check(dashboard: Dashboard) -> Problems:
        found = variables(dashboard).get(name)
        if found is None:
            yield "", f"no variable {name}"
        elif (
            found["type"] != "query"
            or found["datasource"] != SOURCE
            or found["label"] != name.capitalize()
            or not found["multi"]
            or found["allValue"] != ".+"
        ):
            yield "", f"{name}: {found}"

    return check


def _template_label_promql(dashboard: Dashboard) -> Problems:
    for name, variable in variables(dashboard).items():
        if variable["type"] == "query":
            query = variable["query"]["query"]
            if not re.fullmatch(r"label_values\(monitor_stream_\w+(\{.*\})?, \w+\)", query):
                yield "", f"{name}: {query}"


def _template_on_time_change(dashboard: Dashboard) -> Problems:
    for name, variable in variables(dashboard).items():
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield "", f"{name} is not asked again when the time changes"


def _template_unused(dashboard: Dashboard) -> Problems:
    text = repr(dashboard["panels"]) + repr(dashboard["templating"])
    for name in variables(dashboard):
        if not re.search(rf"\$\{{?{name}\b", text):
            yield "", f"{name} is used nowhere"


def _panel_datasource(dashboard: Dashboard) -> Problems:
    for panel in panels(dashboard):
        for each in (panel, *panel["targets"]):
            if each.get("datasource") != SOURCE:
                yield panel["title"], f"asks {each.get('datasource')}"


def _panel_title_description(dashboard: Dashboard) -> Problems:
    for panel in panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield panel.get("title", ""), "lacks a title or a description"


def _panel_units(dashboard: Dashboard) -> Problems:
    for panel in panels(dashboard):
        overridden = [
            each["value"]
            for override in panel["fieldConfig"]["overrides"]
            for each in override["properties"]
            if each["id"] == "unit"
        ]
        for unit in (panel["fieldConfig"]["defaults"].get("unit"), *overridden):
            if unit not in UNITS:
                yield panel["title"], f"unit {unit}"


def _panel_no_targets(dashboard: Dashboard) -> Problems:
    for panel in panels(dashboard):
        if not panel.get("targets"):
            yield panel["title"], "asks nothing"


def _panel_no_value(dashboard: Dashboard) -> Problems:
    for panel in panels(dashboard):
        if not panel["fieldConfig"]["defaults"].get("noValue"):
            yield panel["title"], "shows 'No data' where it could say why"


def _target_matcher(label: str) -> Callable[[Dashboard], Problems]:
    def check(dashboard: Dashboard) -> Problems:
        for title, expression in targets(dashboard):
            for selector in selectors(expression):
                if label not in selector.matchers:
                    yield title, f"{selector.name} is not narrowed by {label}"
            if (
                expression.count(f'{label}=~"${label}"') != len(selectors(expression))
                and "ALERTS" not in expression
            ):
                yield title, f"{label} is not that of the variable"

    return check


def _target_rate_interval(dashboard: Dashboard) -> Problems:
    for title, expression in targets(dashboard):
        for call, over in re.findall(r"\b(rate|irate|increase)\([^\[]+\[([^\]]+)\]", expression):
            if over != "$__rate_interval" and (call, over) != ("increase", "$__range"):
                yield title, f"{call} over {over}"


def _target_counter(dashboard: Dashboard) -> Problems:
    for title, expression in targets(dashboard):
        for found in re.finditer(r"monitor_stream_\w+_(?:total|bucket|sum|count)\b", expression):
            if not _RATED.search(expression[: found.start()]):
                yield title, f"{found[0]} is a counter, shown as it is"


def _uneditable(dashboard: Dashboard) -> Problems:
    if dashboard["editable"] is not False:
        yield "", "can be edited, and the next start undoes it"


def _provisionable(dashboard: Dashboard) -> Problems:
    if "__inputs" in dashboard or "__requires" in dashboard or dashboard.get("id") is not None:
        yield "", "exported for import by hand: file provisioning does not fill it in"
    if not dashboard.get("uid") or not isinstance(dashboard["schemaVersion"], int):
        yield "", "no uid of its own, or another schema"


def _layout(dashboard: Dashboard) -> Problems:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        if cells & taken or place["x"] + place["w"] > 24:
            yield panel.get("title", ""), f"lies over another, or outside: {place}"
        taken |= cells
    if len({panel["id"] for panel in dashboard["panels"]}) != len(dashboard["panels"]):
        yield "", "two panels have one id"


RULES: Final[Mapping[str, Callable[[Dashboard], Problems]]] = {
    "template-datasource-rule": _template_datasource,
    "template-job-rule": _template_target("job"),
    "template-instance-rule": _template_target("instance"),
    "template-label-promql-rule": _template_label_promql,
    "template-on-time-change-reload-rule": _template_on_time_change,
    "template-unused-rule": _template_unused,
    "panel-datasource-rule": _panel_datasource,
    "panel-title-description-rule": _panel_title_description,
    "panel-units-rule": _panel_units,
    "panel-no-targets-rule": _panel_no_targets,
    "panel-no-value-rule": _panel_no_value,
    "target-job-rule": _target_matcher("job"),
    "target-instance-rule": _target_matcher("instance"),
    "target-rate-interval-rule": _target_rate_interval,
    "target-counter-agg-rule": _target_counter,
    "uneditable-dashboard": _uneditable,
    "provisionable": _provisionable,
    "layout": _layout,
}
