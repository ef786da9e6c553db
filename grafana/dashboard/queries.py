"""PromQL over metrics of the catalogue: a metric or a label that does not exist cannot be asked for.

Every server exports the same results, so a query takes the `max` over them first and adds up after that; a worker's
metrics are its own and may be added.
"""

from __future__ import annotations

from typing import Final, Literal

from monitor_stream.metrics.catalogue import Metric

Part = Literal["", "bucket", "sum", "count"]

#: What the dashboard's variables leave of what is scraped. In every query, or a second installation would mix in.
SCRAPED: Final = 'job=~"$job", instance=~"$instance"'
#: The chosen model, and its versions.
CHOSEN: Final = {"model": '="$model"', "version": '=~"$version"'}

RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"


def series(metric: Metric, part: Part = "", /, **matchers: str) -> str:
    """A selector; `matchers` are by label, operator included.

    >>> from monitor_stream.metrics.catalogue import PENDING
    >>> series(PENDING, model='="$model"')
    'monitor_stream_pending_predictions{job=~"$job", instance=~"$instance", model="$model"}'
    """
    _check(metric, matchers)
    if (metric.kind == "histogram") != bool(part):
        raise ValueError(f"{metric.name} is a {metric.kind}: it has no part {part!r}")
    name = f"{metric.name}_{part}" if part else metric.name
    inner = ", ".join([SCRAPED, *(f"{label}{matcher}" for label, matcher in matchers.items())])
    return f"{name}{{{inner}}}"


def chosen(metric: Metric, part: Part = "", /, **matchers: str) -> str:
    """A selector of the chosen model and versions, as far as the metric has these labels."""
    names = {label.name for label in metric.labels}
    return series(
        metric, part, **{label: text for label, text in CHOSEN.items() if label in names}, **matchers
    )


def one(selector: str, *labels: str) -> str:
    """The value by these labels, however many servers export it."""
    return f"max by ({', '.join(labels)}) ({selector})"


def total(expression: str, *labels: str) -> str:
    """The sum by these labels."""
    return f"sum by ({', '.join(labels)}) ({expression})" if labels else f"sum({expression})"


def rate(selector: str) -> str:
    """What was added each second."""
    return f"rate({selector}[{RATE}])"


def added(selector: str, over: str = RATE) -> str:
    """What was added in the time shown, or in one step of it."""
    return f"increase({selector}[{over}])"


def quantile(share: float, buckets: str) -> str:
    """The value that this share did not exceed; `buckets` are rates by `le`."""
    return f"histogram_quantile({share:g}, {buckets})"


def age(timestamp: str) -> str:
    """How long ago that was, in seconds."""
    return f"time() - {timestamp}"


def _check(metric: Metric, matchers: dict[str, str]) -> None:
    unknown = matchers.keys() - {label.name for label in metric.labels}
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
