"""Forecast bike rentals for a year and a half, and let the monitor say how that went.

python run.py                         judges the file here: no Kafka, no Redis
python run.py --kafka 127.0.0.1:9092  sends it to a monitor that runs (the topics have to be there)
"""

import argparse
import itertools
from pathlib import Path

import bikes
import forest
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from monitor_stream.client import MonitorClient
from monitor_stream.events.results import Window
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.profile import profile
from monitor_stream.replay import Replay, replay
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.order import merge
from monitor_stream.replay.table import events
from monitor_stream.settings import Settings
from monitor_stream.topics.registry import publish_spec

MODEL, VERSION = "bike-demand", "1"
HOUR, DAY = 3600.0, 86400.0


def describe(hours: pa.Table) -> ModelSpec:
    """The model's spec, its reference from the hours of training."""
    return profile(
        hours.filter(pc.less(hours["hour_begins"], forest.TRAINING_ENDS)),
        model=MODEL,
        version=VERSION,
        task="regression",
        prediction="forecast",
        label="rentals",
        time="hour_begins",
        features=forest.FEATURES,
        segments=("season", "workingday"),
        window_seconds=DAY,
        horizon_seconds=DAY,
        min_samples=168,  # a week of hours
        staleness_seconds=3 * HOUR,
        created=forest.TRAINING_ENDS,
        owner="fleet-operations",
    )


def watched(hours: pa.Table) -> pa.Table:
    """The hours after training, each with an id and the time when its rentals are known: at its end."""
    rows = hours.filter(pc.greater_equal(hours["hour_begins"], forest.TRAINING_ENDS))
    ids = pc.strftime(pc.cast(rows["hour_begins"], pa.timestamp("s")), format="%Y-%m-%dT%H")
    rows = rows.append_column("id", ids)
    return rows.append_column("hour_ends", pc.add(rows["hour_begins"], int(HOUR)))


def judge(rows: pa.Table, spec: ModelSpec) -> Replay:
    """Judge the rows here."""
    columns = Columns.find(
        spec,
        rows.column_names,
        {
            "prediction_id": "id",
            "timestamp": "hour_begins",
            "prediction": "forecast",
            "label": "rentals",
            "label_timestamp": "hour_ends",
        },
    )
    predictions, labels = events(rows, spec, columns)
    return replay(merge([("predictions", predictions)], [("labels", labels)]), Specs([spec]))


def send(rows: pa.Table, spec: ModelSpec, settings: Settings) -> None:
    """Send the spec and the rows to a monitor that runs."""
    publish_spec(settings, spec)
    with MonitorClient(settings.bootstrap, topic_prefix=settings.topic_prefix) as client:
        client.log_frame(
            rows,
            model=MODEL,
            version=VERSION,
            prediction_id="id",
            timestamp="hour_begins",
            prediction="forecast",
            label="rentals",
            label_timestamp="hour_ends",
            features=forest.FEATURES,
        )
        left = client.flush(60.0)
    print(f"Sent {len(rows):,} forecasts and their truth to {settings.bootstrap}; {left} events are lost")


def show(found: Replay) -> None:
    """The error by month, and when the monitor would have called."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("month", "hours", "MAE", "bias"):
        table.add_column(name, justify="right")
    for month, group in itertools.groupby(found.windows, key=lambda window: window.start.strftime("%Y-%m")):
        windows = list(group)
        hours = sum(window.metrics.scored for window in windows)
        table.add_row(month, str(hours), f"{mean(windows, 'mae'):.1f}", f"{mean(windows, 'bias'):.1f}")
    console = Console()
    console.print(table)
    for detection in found.detections:
        print(
            f"{detection.detector}: the error got {detection.direction} by {detection.event_time:%Y-%m-%d %H:%M}, "
            f"from {detection.before:.1f} to {detection.after:.1f} rentals, after {detection.seen:,} hours"
        )
    for incident in found.incidents:
        print(f"{incident.state} {incident.severity}: {incident.summary}")


def mean(windows: list[Window], metric: str) -> float:
    """The mean of a metric over all hours of the windows."""
    scored = [window for window in windows if window.metrics.scored]
    values = [window.metrics.values[metric] for window in scored]
    return float(np.average(values, weights=[window.metrics.scored for window in scored]))


def main() -> None:
    """Read the arguments, and do as they say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--kafka", metavar="HOST:PORT", help="send the events to the monitor that reads from here"
    )
    parser.add_argument("--topic-prefix", default="monitor", help="the first part of its topics' names")
    parser.add_argument("--spec", metavar="FILE", type=Path, help="also write the model's spec to this file")
    arguments = parser.parse_args()
    print("Reading two years of rentals, training a forest on the first half of 2011")
    hours = forest.forecast(bikes.load())
    spec = describe(hours)
    if arguments.spec:
        from monitor_stream.profile.pretty import pretty

        arguments.spec.write_bytes(pretty(spec))
    if arguments.kafka:
        send(watched(hours), spec, Settings(bootstrap=arguments.kafka, topic_prefix=arguments.topic_prefix))
    else:
        show(judge(watched(hours), spec))


if __name__ == "__main__":
    main()
