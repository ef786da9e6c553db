"""Bike rentals by the hour: a forest trained on the first half of 2011, watched for a year and a half of growth."""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadtest.evaluation.document import Section, Table
from monitor_stream.events.results import DriftSpan
from monitor_stream.replay import Replay

_EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "bike-demand"
WEATHER: Final = ("temp", "atemp", "hum", "windspeed", "weather")
#: A month differs from its twin a year before when the two-sample Kolmogorov-Smirnov distance of its temperatures is above this.
DIFFERS: Final = 0.2


@cache
def judge() -> tuple[Any, Replay]:
    """The hours with their forecasts, and what the product finds in them; all by the example's own code."""
    sys.path.insert(0, str(_EXAMPLE))
    try:
        bikes, forest, run = (importlib.import_module(name) for name in ("bikes", "forest", "run"))
    finally:
        sys.path.remove(str(_EXAMPLE))
    hours = forest.forecast(bikes.load())
    return hours, run.judge(run.watched(hours), run.describe(hours))


def section() -> Section:
    """The part of the page."""
    hours, found = judge()
    part = Section("4. Bikes: the concept moves, and the weather")
    part.add(
        "UCI's bike sharing hours (examples/bike-demand): a forest trained before July 2011 forecasts rentals, which grow. By month: "
        "the mean absolute error, the mean of truth less forecast, the days on which a detection was confirmed, the share of drift "
        "spans in which a weather column had drifted from the training half-year, and how far the month's temperatures lie from those "
        "of the training months (Kolmogorov-Smirnov distance, reckoned from the rows by numpy).",
        Table(
            [
                "month",
                "MAE",
                "mean error",
                "detections confirmed",
                "weather drifted",
                "KS of temp to training",
            ],
            _months(hours, found),
        ),
        "Incidents:",
        Table(
            ["opened", "resolved", "severity", "signals", "said"],
            [
                [
                    f"{incident.opened:%Y-%m-%d}",
                    "" if incident.resolved is None else f"{incident.resolved:%Y-%m-%d}",
                    incident.severity,
                    ", ".join(incident.signals),
                    incident.summary,
                ]
                for incident in found.incidents
            ],
        ),
    )
    return part


def _months(hours: Any, found: Replay) -> list[list[object]]:
    at = np.asarray(hours["hour_begins"]).astype("datetime64[s]").astype("datetime64[M]")
    error = np.asarray(hours["rentals"]) - np.asarray(hours["forecast"])
    temp = np.asarray(hours["temp"])
    training = temp[at < np.datetime64("2011-07")]
    confirmed: defaultdict[str, set[str]] = defaultdict(set)
    for detection in found.detections:
        if detection.confirmed and detection.direction == "worse":
            confirmed[f"{detection.event_time:%Y-%m}"].add(f"{detection.event_time:%d}")
    weather: defaultdict[str, list[bool]] = defaultdict(list)
    for span in found.drift:
        weather[f"{span.start:%Y-%m}"].append(_weather(span))
    rows: list[list[object]] = []
    for month in np.unique(at[at >= np.datetime64("2011-07")]):
        here, name = at == month, str(month)
        drifted = weather[name]
        rows.append(
            [
                name,
                f"{np.abs(error[here]).mean():.0f}",
                f"{error[here].mean():.0f}",
                len(confirmed[name]),
                f"{sum(drifted)} of {len(drifted)}",
                f"{kolmogorov_smirnov(temp[here], training):.2f}",
            ]
        )
    return rows


def _weather(span: DriftSpan) -> bool:
    return any(column.drifted for column in span.columns if column.column in WEATHER)


def kolmogorov_smirnov(left: Any, right: Any) -> float:
    """The largest distance of two empirical distribution functions.

    >>> kolmogorov_smirnov(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    1.0
    """
    points = np.concatenate([left, right])
    first = np.searchsorted(np.sort(left), points, side="right") / len(left)
    then = np.searchsorted(np.sort(right), points, side="right") / len(right)
    return float(np.abs(first - then).max())
