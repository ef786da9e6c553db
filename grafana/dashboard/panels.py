"""Panels, as every one of ours is: with a unit, a description, and words in place of a number that is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

#: Every panel and variable asks the source that the reader chose.
SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")

#: The width of a dashboard, and the usual height of a panel.
FULL, HALF, THIRD, QUARTER = 24, 12, 8, 6
HEIGHT: Final = 8

#: Lines of this name are limits, baselines and bands: not what is, but what it is held against.
REFERENCES: Final = {"/limit/": "red", "/baseline/": "text", "/expected/": "yellow"}

AnyPanel: TypeAlias = timeseries.Panel | table.Panel | stat.Panel | statetimeline.Panel


class Line(NamedTuple):
    """A query, and what its series are called."""

    expression: str
    legend: str


class Column(NamedTuple):
    """A column of a table: one value for each row. The query's labels make the row."""

    title: str
    expression: str
    unit: str
    decimals: int | None = None
    mappings: Mapping[str, tuple[str, str]] | None = None
    red_from: float | None = None


def lines(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Line],
    *,
    no_value: str,
    width: int = HALF,
    highest: float | None = None,
    bars: bool = False,
    steps: bool = False,
) -> timeseries.Panel:
    """Values over time, from 0 on: a curve that begins at 0.61 looks worse than it is."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(no_value)
        .span(width)
        .height(HEIGHT)
        .axis_soft_min(0)
        .fill_opacity(80 if bars else 8)
        .line_width(0 if bars else 1)
        .draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE)
        .show_points(common.VisibilityMode.AUTO)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if steps:
        panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
    if highest is not None:
        panel.axis_soft_max(highest)
    for name, color in REFERENCES.items():
        panel.override_by_regexp(
            name,
            [
                dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
                dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
                dashboard.DynamicConfigValue("custom.fillOpacity", 0),
            ],
        )
    for index, line in enumerate(queries):
        panel.with_target(_range(line, index))
    return panel


def number(
    title: str,
    description: str,
    query: str,
    *,
    no_value: str,
    unit: str = "short",
    red_from: float | None = None,
) -> stat.Panel:
    """One number, as it is now; red from a number on."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(no_value)
        .span(QUARTER)
        .height(4)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(
            common.BigValueColorMode.VALUE if red_from is None else common.BigValueColorMode.BACKGROUND
        )
        .color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .thresholds(_steps(red_from))
        .with_target(_instant(query, 0, PromQueryFormat.TIME_SERIES))
    )


def rows(
    title: str,
    description: str,
    columns: Sequence[Column],
    labels: Mapping[str, str],
    *,
    no_value: str,
    width: int = FULL,
    height: int = 9,
    sort: str,
    links: Mapping[str, tuple[str, str]] | None = None,
) -> table.Panel:
    """A table of what is now. `labels` are shown in front, each under its title, `links` on them (text, address).

    The queries' rows are brought together by the labels they share.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .no_value(no_value)
        .span(width)
        .height(height)
        .cell_height(common.TableCellHeight.SM)
        .sort_by([common_builders.TableSortByFieldState().display_name(sort).desc(desc=True)])
    )
    for index, column in enumerate(columns):
        panel.with_target(_instant(column.expression, index, PromQueryFormat.TABLE))
        panel.override_by_name(column.title, _looks(column))
    for label, (text, address) in (links or {}).items():
        link = [{"title": text, "url": address, "targetBlank": False}]
        panel.override_by_name(label, [dashboard.DynamicConfigValue("links", link)])
    titles = {f"Value #{_reference(index)}": column.title for index, column in enumerate(columns)}
    if len(columns) == 1:  # then Grafana does not number it
        titles["Value"] = columns[0].title
    names = [*labels, *titles]
    return panel.with_transformation(
        dashboard.DataTransformerConfig("merge", options={})
    ).with_transformation(
        dashboard.DataTransformerConfig(
            "organize",
            options={
                "excludeByName": {"Time": True}
                | {name: True for name, shown in titles.items() if shown.startswith("_")},
                "indexByName": {name: index for index, name in enumerate(names)},
                "renameByName": {**labels, **titles},
            },
        )
    )


def states(
    title: str,
    description: str,
    queries: Sequence[Line],
    mappings: Mapping[str, tuple[str, str]],
    *,
    no_value: str,
    width: int = HALF,
) -> statetimeline.Panel:
    """What was the case when: a band for each series."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .no_value(no_value)
        .span(width)
        .height(HEIGHT)
        .show_value(common.VisibilityMode.NEVER)
        .mappings([_mapping(mappings)])
    )
    for index, line in enumerate(queries):
        panel.with_target(_range(line, index))
    return panel


def ordered(panels: Iterable[AnyPanel | builders.Row]) -> Iterable[AnyPanel | builders.Row]:
    """The panels with their ids, by their order: links to a panel hold as long as none is put before it."""
    for number_, panel in enumerate(panels, start=1):
        yield panel.id(number_)


def _range(line: Line, index: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(line.expression)
        .legend_format(line.legend)
        .range()
        .ref_id(_reference(index))
        .datasource(SOURCE)
    )


def _instant(expression: str, index: int, form: PromQueryFormat) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(expression)
        .format(form)
        .instant()
        .ref_id(_reference(index))
        .datasource(SOURCE)
    )


def _looks(column: Column) -> list[dashboard.DynamicConfigValue]:
    looks = [dashboard.DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        looks.append(dashboard.DynamicConfigValue("decimals", column.decimals))
    if column.mappings is not None:
        looks.append(dashboard.DynamicConfigValue("mappings", [_mapping(column.mappings)]))
    if column.red_from is not None:
        looks += [
            dashboard.DynamicConfigValue("thresholds", _steps(column.red_from).build()),
            dashboard.DynamicConfigValue("color", {"mode": "thresholds"}),
            dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    return looks


def _mapping(mappings: Mapping[str, tuple[str, str]]) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        {
            value: dashboard.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(mappings.items())
        }
    )


def _steps(red_from: float | None) -> builders.ThresholdsConfig:
    steps = [dashboard.Threshold(color="green" if red_from is not None else "text")]
    if red_from is not None:
        steps.append(dashboard.Threshold(value=red_from, color="red"))
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _reference(index: int) -> str:
    return chr(ord("A") + index)
