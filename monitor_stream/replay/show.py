"""What a replay found, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor_stream.events.results import ColumnDrift, Detection, DriftSpan, Metrics, Window
from monitor_stream.replay.run import Replay
from monitor_stream.replay.verdicts import print_verdicts

#: In a pipe there is no width: wide enough for whole cells, so that grep finds them.
_PIPE_WIDTH: Final = 160
#: Metrics worth a column, in this order, where a window has them.
_SHOWN: Final = (
    "mae",
    "rmse",
    "bias",
    "r2",
    "accuracy",
    "f1",
    "macro_f1",
    "auc",
    "log_loss",
    "brier",
    "base_rate",
)

#: Columns that are named of a drift span.
_MOVED: Final = 4


def print_replay(found: Replay, *, last: int, console: Console | None = None) -> None:
    """Print the last windows and drift spans (0: all), what the detectors saw, the incidents, what is known of each model
    beyond, and what could not be read.
    """
    console = console or Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    shown = found.windows[-last:]
    if shown:
        console.print(windows_table(shown))
    if len(shown) < len(found.windows):
        console.print(f"… and {len(found.windows) - len(shown):,} windows before them: --last 0 prints all")
    if found.drift:
        console.print(drift_table(found.drift[-last:]))
    if found.detections:
        console.print(_detections_table(found.detections))
    for incident in found.incidents:
        console.print(
            f"[bold]{incident.state} {incident.severity}[/] {_minute(incident.opened)} {escape(incident.summary)}",
            soft_wrap=True,
        )
    print_verdicts(console, found.models.values())
    for reason, count in sorted(found.dead_letters.items()):
        example = next((e for e in found.examples if e.reason == reason), None)
        why = (
            f", such as number {example.offset} of the {example.topic}: {escape(example.detail)}"
            if example
            else ""
        )
        console.print(f"[red]{count:,} events could not be read ({reason}){why}[/]", soft_wrap=True)
    console.print(
        f"{found.predictions:,} predictions, {found.labels:,} labels, {len(found.windows):,} windows, "
        f"{len(found.detections)} detections, {len(found.incidents)} incidents",
        soft_wrap=True,
    )


def windows_table(windows: Sequence[Window]) -> Table:
    """Windows, one a row, with the metrics that any of them has."""
    present = {name for window in windows for name in window.metrics.values}
    metrics = [name for name in _SHOWN if name in present]
    models = {(window.model, window.version) for window in windows}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ([] if len(models) == 1 else ["model"]) + ["start (UTC)"]:
        table.add_column(name, no_wrap=True)
    for name in ("n", "labelled", "revision", *metrics):
        table.add_column(name, justify="right", no_wrap=True)
    if len(models) == 1:
        table.title = escape(" ".join(next(iter(models))))
    for window in windows:
        model = [] if len(models) == 1 else [escape(f"{window.model} {window.version}")]
        counts = (f"{window.n:,}", f"{window.labelled:,}", str(window.revision))
        table.add_row(*model, _minute(window.start), *counts, *_cells(window.metrics, metrics))
    return table


def _cells(metrics: Metrics, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = metrics.values.get(name)
        yield "–" if value is None else f"{value:.4g}"


def drift_table(spans: Sequence[DriftSpan]) -> Table:
    """Drift spans, one a row, with how many features drifted and which columns did so most."""
    table = Table(box=None, pad_edge=False, header_style="bold", title="Drift")
    for name in ("model", "start (UTC)", "end"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "drifted features"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("moved most (times its threshold)")
    for span in spans:
        share = "–" if span.drifted_share is None else f"{span.drifted_share:.0%}"
        table.add_row(
            escape(f"{span.model} {span.version}"),
            _minute(span.start),
            _minute(span.end),
            f"{span.n:,}",
            share,
            escape(span.not_computable or ", ".join(_moved([*span.columns, *span.multivariate]))),
        )
    return table


def _moved(columns: Sequence[ColumnDrift]) -> Iterator[str]:
    ratios = [
        (column.value / column.threshold, column.column)
        for column in columns
        if column.drifted and column.value is not None and column.threshold
    ]
    for ratio, name in sorted(ratios, key=lambda moved: (-moved[0], moved[1]))[:_MOVED]:
        yield f"{name} {ratio:.1f}"


def _detections_table(detections: Sequence[Detection]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title="Detections on the error")
    for name in ("model", "detector", "direction", "event time (UTC)", "errors seen", "before", "after"):
        left = name in {"model", "detector", "direction"}
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for found in detections:
        table.add_row(
            escape(f"{found.model} {found.version}"),
            found.detector,
            found.direction,
            _minute(found.event_time),
            f"{found.seen:,}",
            f"{found.before:.4g}",
            f"{found.after:.4g}",
        )
    return table


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
