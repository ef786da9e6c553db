"""Panels about the monitor itself, which tell whether what stands above can be believed."""

from __future__ import annotations

from collections.abc import Iterator

from grafana.dashboard.panels import THIRD, AnyPanel, Line, lines
from grafana.dashboard.queries import age, one, quantile, rate, series, total
from monitor_stream.metrics import catalogue


def panels() -> Iterator[AnyPanel]:
    """Workers first, then what they could not read."""
    commits = total(rate(series(catalogue.CHECKPOINT, "bucket")), "le")
    yield lines(
        "Lag",
        "Records behind the end of the partitions that workers hold now. A dead worker has no lag: see Workers.",
        "short",
        [Line(total(series(catalogue.LAG), "topic"), "{{topic}}")],
        no_value="No worker is scraped",
        width=THIRD,
    )
    yield lines(
        "Records read",
        "Records that workers applied each second.",
        "cps",
        [Line(total(rate(series(catalogue.CONSUMED)), "topic"), "{{topic}}")],
        no_value="No worker is scraped",
        width=THIRD,
    )
    yield lines(
        "Workers",
        "Partitions that each worker holds.",
        "short",
        [Line(total(series(catalogue.ASSIGNED), "instance"), "{{instance}}")],
        no_value="No worker is scraped",
        width=THIRD,
        steps=True,
    )
    yield lines(
        "Commit",
        "Time of a commit of state and offsets until it is durable, and how long ago the last one was.",
        "s",
        [
            Line(quantile(0.5, commits), "50%"),
            Line(quantile(0.99, commits), "99%"),
            Line(age(one(series(catalogue.CHECKPOINT_LAST), "instance")), "{{instance}} since the last"),
        ],
        no_value="No commit yet",
        width=THIRD,
    )
    yield lines(
        "Heartbeats",
        "How long ago each part of a worker last made progress or had nothing to do.",
        "s",
        [Line(age(one(series(catalogue.HEARTBEAT), "instance", "stage")), "{{instance}} {{stage}}")],
        no_value="No worker is scraped",
        width=THIRD,
    )
    yield lines(
        "Dead letters",
        "Records that could not be read and went to the dead letter topic, by the topic they came from and the reason.",
        "cps",
        [Line(one(rate(series(catalogue.DEAD_LETTERS)), "topic", "reason"), "{{topic}} {{reason}}")],
        no_value="No dead letters",
        width=THIRD,
    )
