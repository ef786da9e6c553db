"""`monitor-stream topics`: create and compare the topics on Kafka."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from rich.markup import escape

from monitor_stream.cli.options import takes_settings
from monitor_stream.cli.tables import print_table
from monitor_stream.settings import Settings

Command = TypeVar("Command", bound=Callable[..., object])


def declared(command: Command) -> Command:
    """The flags that say what is wanted."""
    for option in (
        click.option("--partitions", type=click.IntRange(min=1), help="For predictions, labels and deltas."),
        click.option(
            "--replication", type=click.IntRange(min=1), help="Copies of each partition, for all topics."
        ),
        click.option(
            "--directory",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Declarations of your own, in place of those that came with the package.",
        ),
    ):
        command = option(command)
    return command


@click.group
def topics() -> None:
    """Create and compare the topics on Kafka."""


@topics.command
@declared
@click.option(
    "--allow-destructive", is_flag=True, help="Also do what deletes records, or parts keys from their past."
)
@takes_settings
def apply(
    settings: Settings,
    partitions: int | None,
    replication: int | None,
    directory: Path | None,
    allow_destructive: bool,
) -> None:
    """Create what is missing, alter what differs. Doing it twice is harmless."""
    from monitor_stream import topics as room

    plan = room.apply(
        settings,
        partitions=partitions,
        replication=replication,
        directory=directory,
        destructive=allow_destructive,
    )
    for change in plan.changes:
        click.echo(_sentence(change.topic, change.setting, change.before, change.after))
    if plan.is_empty:
        click.echo("The topics are as declared.")


@topics.command
@declared
@takes_settings
def diff(settings: Settings, partitions: int | None, replication: int | None, directory: Path | None) -> None:
    """Show what `apply` would do. The exit code is 1 when something differs, as with diff(1)."""
    from monitor_stream import topics as room

    plan = room.diff(settings, partitions=partitions, replication=replication, directory=directory)
    for change in plan.changes:
        click.echo(_sentence(change.topic, change.setting, change.before, change.after))
        if change.danger:
            click.echo(f"  needs --allow-destructive: {change.danger}")
    for sentence in plan.impossible:
        click.echo(f"impossible: {sentence}")
    if plan.is_empty:
        click.echo("The topics are as declared.")
    else:
        click.get_current_context().exit(1)


@topics.command(name="list")
@takes_settings
def list_(settings: Settings) -> None:
    """List the topics, as declared and as they are."""
    from monitor_stream import topics as room

    there = room.existing(settings)
    rows = []
    for role, declaration in room.declarations().items():
        topic = there.get(role)
        found = (
            (str(topic.partitions), str(topic.replication), f"{topic.records:,}")
            if topic
            else ("-", "-", "missing")
        )
        kept = str((topic.config if topic else declaration.config).get("cleanup.policy"))
        rows.append((escape(settings.topic(role)), *found, kept, declaration.key))
    print_table(("topic", "partitions", "replication", "records", "cleanup", "key"), rows)


def _sentence(topic: str, setting: str, before: str | None, after: str) -> str:
    if setting == "topic":
        return f"{topic}: create with {after}"
    return f"{topic}: {setting} {before} → {after}"
