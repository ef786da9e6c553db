"""docs/metrics.md, made from the catalogue."""

from __future__ import annotations

from itertools import groupby

from monitor_stream.metrics.catalogue import BY_VERSION, CATALOGUE, Label, Metric
from monitor_stream.metrics.limits import SeriesLimits

HEAD = """\
# Metrics

<!-- Made by `make generate` from monitor_stream/metrics/catalogue.py. -->

The **server** (`monitor-stream server`, or `run`) exports the results of all models at `/metrics`. Its counters are the
exact totals of the results: they go on where they were after any restart, and a retired model's series end. Every
**worker** exports its own health on `worker_port`; those counters begin with the process.

- Event time is the time in the events, not that of the clock on the wall. `time() - x` of a timestamp is its age.
- Metrics over the last windows (`window` = 5m, 1h, 1d) end with the newest *closed* window, in event time. A metric that
  cannot be computed, such as an error without labels, is absent, not zero.
- Join with `monitor_stream_model_info` for owner, tier and stage:
  `x * on (model, version) group_left (owner) monitor_stream_model_info`.
- `model` and `version` are as in the events.

## How many series

Each metric's *series* below are a product of numbers and of these limits, which the server keeps whatever arrives:

| | what | by default |
|---|---|---|
"""

_SYMBOLS = {
    "M": "models",
    "V": "versions of a model, those with the newest predictions",
    "S": "segment values of a version; the rest is counted as `__other__`",
    "K": "features of a version, the rest is counted as `__other__`; and sensitive attributes, the rest is left out",
    "T": "topics",
    "P": "partitions a worker holds",
    "N": "metrics that met a limit",
}


def render() -> str:
    """The page."""
    sections = groupby(CATALOGUE, key=lambda metric: metric.section)
    return HEAD + _limits() + "".join(_section(title, list(metrics)) for title, metrics in sections) + _TAIL


_TAIL = """
Both also export the usual `process_*` and `python_gc_*` metrics of their process.
"""


def _limits() -> str:
    limits = SeriesLimits()
    defaults = {"M": limits.models, "V": limits.versions, "S": limits.segments + 1, "K": limits.features + 1}
    return "".join(
        f"| {symbol} | {what} | {defaults.get(symbol, '')} |\n" for symbol, what in _SYMBOLS.items()
    )


def _section(title: str, metrics: list[Metric]) -> str:
    return f"\n## {title}\n" + "".join(map(_entry, metrics))


def _entry(metric: Metric) -> str:
    """A metric's paragraph. What every metric of a model has, `model` and `version`, is explained at the top."""
    unit = f", {metric.unit}" if metric.unit not in {"", "1"} else ""
    names = " ".join(f"`{label.name}`" for label in metric.labels)
    facts = [metric.kind + unit, *([f"labels {names}"] if names else []), f"series {metric.bound}"]
    lines = [
        f"\n### `{metric.name}`\n",
        f"{metric.help}. {metric.advice}".strip(),
        "",
        " · ".join(facts) + "\n",
    ]
    lines += [f"- `{label.name}`: {_describe(label)}" for label in metric.labels if label not in BY_VERSION]
    return "\n".join(lines).rstrip() + "\n"


def _describe(label: Label) -> str:
    named = [value for value in label.values if f"`{value}`" not in label.help]
    return f"{label.help}: {', '.join(f'`{value}`' for value in named)}" if named else label.help
