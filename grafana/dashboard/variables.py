"""What the reader chooses above the panels. Choices come from our own metrics, so nothing is assumed about labels."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from grafana.dashboard.panels import SOURCE
from grafana.dashboard.queries import series
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import WINDOW


def datasource() -> builders.DatasourceVariable:
    """The Prometheus that is asked."""
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus")


def job() -> builders.QueryVariable:
    """Which scrape jobs."""
    return _several("job", "Job", f"label_values({catalogue.BUILD_INFO.name}, job)", everything=".+")


def instance() -> builders.QueryVariable:
    """Which servers and workers."""
    query = f'label_values({catalogue.BUILD_INFO.name}{{job=~"$job"}}, instance)'
    return _several("instance", "Instance", query, everything=".+")


def model() -> builders.QueryVariable:
    """The model that all but the fleet is about."""
    return _query("model", "Model", f"label_values({series(catalogue.MODEL_INFO)}, model)").multi(multi=False)


def version() -> builders.QueryVariable:
    """Its versions."""
    versions = series(catalogue.MODEL_INFO, model='="$model"')
    return _several("version", "Version", f"label_values({versions}, version)", everything=".*")


def window() -> builders.CustomVariable:
    """How far back the rolling metrics look, in event time."""
    choices = ["1h", *(each for each in WINDOW.values if each != "1h")]
    return (
        builders.CustomVariable("window")
        .label("Window")
        .description("How far back accuracy and errors look, in event time.")
        .values(",".join(choices))
        .options([_option(each, selected=each == "1h") for each in choices])
        .current(_option("1h", selected=True))
    )


def _query(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .query({"query": query, "refId": name})
        .definition(query)
        .datasource(SOURCE)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.NATURAL_ASC)
    )


def _several(name: str, label: str, query: str, *, everything: str) -> builders.QueryVariable:
    return (
        _query(name, label, query)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(everything)
        .current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _option(value: str, *, selected: bool) -> dashboard.VariableOption:
    return dashboard.VariableOption(selected=selected, text=value, value=value)
