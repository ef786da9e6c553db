"""The stream on the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from monitor_stream.demo.summary import Summary
from monitor_stream.demo.watch import Watch
from monitor_stream.events.results import Estimates, Incident, Rolling, VersionResults

#: Between two lines where the output is no terminal.
_LINE_SECONDS: Final = 2.0
_RATE_SECONDS: Final = 5.0
_SHOWN: Final = 5


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Say that something long is under way, and how long it took."""
    began = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.1f} s[/]")


class Rate:
    """How fast a counter grows, over the last seconds.

    >>> rate = Rate()
    >>> rate.note(0, 0.0), rate.note(500, 1.0)
    (0.0, 500.0)
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, count: int, now: float) -> float:
        """Take in the count at a time (seconds), and return the rate (1/s)."""
        self._noted.append((now, count))
        while now - self._noted[0][0] > _RATE_SECONDS:
            self._noted.popleft()
        first_at, first = self._noted[0]
        return (count - first) / (now - first_at) if now > first_at else 0.0


class Screen:
    """Shows where to look and what the monitor says; a live table on a terminal, a line every few seconds elsewhere."""

    def __init__(self, console: Console, *, where: str, total: int) -> None:
        self._console = console
        self._where = where
        self._total = total
        self._rate = Rate()
        self._lined = 0.0
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task("", total=total)
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """Put a sentence above the table."""
        self._console.print(escape(sentence))

    def show(self, watch: Watch, *, event_time: float) -> None:
        """Draw what there is now."""
        read, now = watch.records.total(), time.monotonic()
        day = datetime.fromtimestamp(event_time, UTC).strftime("%Y-%m-%d")
        rate = self._rate.note(read, now)
        self._progress.update(self._task, completed=read, description=day)
        if self._live is not None:
            self._live.update(self._picture(watch, rate))
        elif now - self._lined >= _LINE_SECONDS:
            self._lined = now
            self._console.print(_line(watch, day, read, self._total, rate), soft_wrap=True)

    def _picture(self, watch: Watch, rate: float) -> RenderableType:
        parts: list[RenderableType] = [
            self._where,
            self._progress,
        ]
        if version := watch.version:
            parts += [_figures(watch, version, rate), _detections(version)]
        parts += [_incident(incident) for incident in list(watch.incidents.values())[-_SHOWN:]]
        return Panel(Group(*parts), title="flight-late", subtitle="Ctrl-C ends")


def _figures(watch: Watch, version: VersionResults, rate: float) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    totals = version.totals
    columns = {
        "events/s": f"{rate:,.0f}",
        "predictions": f"{sum(totals.predictions.values()):,}",
        "with label": f"{totals.outcomes.get('joined', 0):,}",
        "waiting": f"{version.pending:,}",
        "windows": f"{len(watch.windows):,}",
        "detections": str(sum(totals.detections.values())),
        "incidents": str(len(watch.incidents)),
    }
    if day := version.rolling.get("1d"):
        columns |= {f"{name} (1 d)": text for name, text in _metrics(day)}
    for name in columns:
        table.add_column(name, justify="right")
    table.add_row(*columns.values())
    return table


def _metrics(rolling: Rolling) -> Iterator[tuple[str, str]]:
    """What came true, and what was foretold of the same flights, with a cross while labels contradict it."""
    foretold = rolling.estimates or Estimates()
    mark = " ✗" if foretold.contradicted else ""
    for name, shown in (("accuracy", "accuracy"), ("auc", "AUC"), ("base_rate", "late")):
        yield shown, _number(rolling.metrics.values.get(name))
        if name in foretold.values:
            yield f"{shown} foretold", _number(foretold.values[name]) + mark


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _detections(version: VersionResults) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("drift seen by", "the error got", "at (UTC)", "errors seen"):
        table.add_column(name)
    for found in version.detections[-_SHOWN:]:
        change = f"{found.direction}: {found.before:.3f} → {found.after:.3f}"
        table.add_row(found.detector, change, found.event_time.strftime("%Y-%m-%d %H:%M"), f"{found.seen:,}")
    return table


def _incident(incident: Incident) -> str:
    colour = "red" if incident.state == "open" else "green"
    return f"[{colour}]{incident.state} {incident.severity}[/] {escape(incident.summary)}"


def _line(watch: Watch, day: str, read: int, total: int, rate: float) -> str:
    version = watch.version
    detections = sum(version.totals.detections.values()) if version else 0
    rolling = version.rolling.get("1d") if version else None
    metrics = "  ".join(f"{name} {text}" for name, text in _metrics(rolling)) if rolling else ""
    return (
        f"{day}  {read:,} of {total:,} events  {rate:,.0f}/s  {len(watch.windows):,} windows  "
        f"{detections} detections  {len(watch.incidents)} incidents  {metrics}"
    )


def print_summary(console: Console, summary: Summary) -> None:
    """The year by month, and the totals."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("month", "flights", "with label", "late", "accuracy", "AUC"):
        table.add_column(name, justify="right")
    for month in summary.months:
        table.add_row(*_cells(month.month, month.predictions, month.labelled), *_shares(
            (month.late_share, month.accuracy, month.auc)
        ))  # fmt: skip
    console.print(table)
    console.print(
        f"{summary.predictions:,} predictions, {summary.labels_joined:,} labels joined, "
        f"{summary.predictions_unlabelled:,} without one ({summary.predictions_waiting:,} of them still waiting), "
        f"{summary.windows:,} windows, {summary.detections} detections, {summary.incidents} incidents; "
        f"{summary.events_per_second:,.0f} events/s over {summary.seconds:.1f} s",
        highlight=False,
        soft_wrap=True,
    )


def _cells(month: int, predictions: int, labelled: int) -> tuple[str, str, str]:
    return (datetime(2013, month, 1, tzinfo=UTC).strftime("%B"), f"{predictions:,}", f"{labelled:,}")


def _shares(values: Sequence[float]) -> Iterator[str]:
    return (f"{value:.3f}" for value in values)
