"""Which metrics and labels a PromQL expression speaks of, told by its words: enough to hold it to the catalogue."""

import re
from dataclasses import dataclass
from typing import Final

from monitor_stream.metrics.catalogue import CATALOGUE, Metric

_STRING: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_NAME: Final = re.compile(r"(?:\w+:)?monitor_stream_\w+(?::\w+)?")
_SELECTOR: Final = re.compile(
    r"(?P<name>(?:\w+:)?monitor_stream_\w+(?::\w+)?|ALERTS)\s*(?:\{(?P<matchers>[^}]*)\})?"
)
_MATCHER: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")

_BY_SERIES: Final = {
    series: metric
    for metric in CATALOGUE
    for series in (
        [f"{metric.name}_{part}" for part in ("bucket", "sum", "count")]
        if metric.kind == "histogram"
        else [metric.name]
    )
}


@dataclass(frozen=True)
class Selector:
    """One vector selector."""

    name: str
    matchers: frozenset[str]


def selectors(expression: str) -> list[Selector]:
    """Every selector of our metrics, recorded series and ALERTS.

    >>> selectors('rate(monitor_stream_labels_total{model="m",outcome!="orphan"}[5m])')[0].name
    'monitor_stream_labels_total'
    """
    plain = _STRING.sub('""', expression)
    return [
        Selector(found["name"], frozenset(_MATCHER.findall(found["matchers"] or "")))
        for found in _SELECTOR.finditer(plain)
    ]


def grouped_labels(expression: str) -> set[str]:
    """Every label that the expression groups or joins by."""
    plain = _STRING.sub('""', expression)
    return {
        label.strip() for group in _GROUPING.findall(plain) for label in group.split(",") if label.strip()
    }


def names(text: str) -> set[str]:
    """Every metric and recorded series a text mentions."""
    return set(_NAME.findall(text))


def metric_of(series: str) -> Metric | None:
    """The catalogue's metric that a series belongs to: `x_bucket` to the histogram `x`."""
    return _BY_SERIES.get(series)


def labels_of(metric: Metric) -> set[str]:
    """The labels its series have."""
    return {label.name for label in metric.labels} | ({"le"} if metric.kind == "histogram" else set())
