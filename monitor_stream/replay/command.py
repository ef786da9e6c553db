"""`monitor-stream replay`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from monitor_stream.cli.models import read_spec
from monitor_stream.errors import InputError
from monitor_stream.events.codec import encode_json
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.replay.columns import NAMED_ROLES, ROLES, Columns
from monitor_stream.replay.files import holds_events, logged_events, table_batches, table_names, table_rows
from monitor_stream.replay.order import Feed, TimeOrder, merge
from monitor_stream.replay.run import Replay
from monitor_stream.replay.run import replay as run
from monitor_stream.replay.show import print_replay
from monitor_stream.replay.table import events

_ROLES = ", ".join([*ROLES, *(f"{kind}.NAME" for kind in NAMED_ROLES)])


def parse_columns(_context: click.Context, _option: click.Parameter, text: str | None) -> dict[str, str]:
    """Roles and columns from ``timestamp=at,prediction=y_hat``."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    for role, _, column in pairs:
        if not column:
            raise click.BadParameter(
                f"{role!r} is no pair of a role and a column, such as timestamp=created_at"
            )
    return {role.strip(): column.strip() for role, _, column in pairs}


@click.command(epilog=f"Roles of columns: {_ROLES}.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--spec",
    "specs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A model's spec, as `monitor-stream profile` makes it. A table needs one, or one for each version it has; of events several "
    "may be given.",
)
@click.option(
    "--columns",
    callback=parse_columns,
    metavar="ROLE=COLUMN,...",
    help="Which column of a table is what, where its name does not say it. The interval in which a truth was expected is two "
    "columns, `interval_low` and `interval_high`.",
)
@click.option(
    "--json",
    "output",
    type=click.File("wb"),
    help="Write windows, drift, detections, incidents and the models' documents here.",
)
@click.option(
    "--last",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Windows and drift spans to print; 0 prints all.",
)
def replay(
    files: tuple[Path, ...],
    specs: tuple[Path, ...],
    columns: dict[str, str],
    output: IO[bytes] | None,
    last: int,
) -> None:
    """Judge a file of predictions and labels, without Kafka or Redis.

    FILE is a table (Parquet, CSV or NDJSON) of predictions with their labels and the times of both, or the events
    themselves (NDJSON), predictions and labels in one file or in several. The windows, drift, detections and
    incidents are those that a running monitor finds.
    """
    known = [read_spec(path) for path in specs]
    with _progress() as progress, contextlib.ExitStack() as stack:
        if all(map(holds_events, files)):
            feed: Feed = merge(*map(logged_events, files))
            task = progress.add_task("Judging events", total=None)
        else:
            feed, count = _table_feed(files, known, columns, progress, stack)
            task = progress.add_task("Judging events", total=count)
        found = run(feed, Specs(known), progress=lambda events: progress.advance(task, events))
    print_replay(found, last=last)
    if output is not None:
        output.write(encode_json(document(found)) + b"\n")


def document(found: Replay) -> dict[str, object]:
    """What ``--json`` writes."""
    return {
        "windows": found.windows,
        "drift": found.drift,
        "detections": found.detections,
        "incidents": found.incidents,
        "models": found.models,
        "dead_letters": found.dead_letters,
    }


def _table_feed(
    files: tuple[Path, ...],
    specs: list[ModelSpec],
    columns: Mapping[str, str],
    progress: Progress,
    stack: contextlib.ExitStack,
) -> tuple[Feed, int]:
    """The events of tables, each topic in the order of time, and how many there are."""
    spec, first_row = _of_all(specs), 0
    predictions, labels = stack.enter_context(TimeOrder()), stack.enter_context(TimeOrder())
    for path in files:
        found = Columns.find(spec, table_names(path), columns)
        if len(specs) > 1 and found.version is None:
            raise InputError(
                f"No column of {path} says which version answered: name one with --columns version=COLUMN"
            )
        task = progress.add_task(f"Reading {path.name}", total=table_rows(path))
        for batch in table_batches(path, found.used()):
            for order, part in zip(
                (predictions, labels), events(batch, spec, found, first_row=first_row), strict=True
            ):
                order.add(part)
            first_row += len(batch)
            progress.advance(task, len(batch))
    feed = merge(
        (("predictions", block) for block in predictions.blocks()),
        (("labels", block) for block in labels.blocks()),
    )
    return feed, len(predictions) + len(labels)


def _of_all(specs: list[ModelSpec]) -> ModelSpec:
    """The first spec, with what the other versions' events have besides."""
    if len({spec.model for spec in specs}) != 1:
        raise InputError(
            "A table is of one model: give its spec with --spec, as `monitor-stream profile` makes it; that of each version "
            "where a column tells them apart"
        )
    features = {feature.name: feature for spec in reversed(specs) for feature in spec.features}
    return msgspec.structs.replace(
        specs[0],
        features=list(features.values()),
        segments=list(dict.fromkeys(name for spec in specs for name in spec.segments)),
        sensitive=list(dict.fromkeys(name for spec in specs for name in spec.sensitive)),
    )


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """Progress on stderr, so that what is printed can be piped."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:
        yield progress
