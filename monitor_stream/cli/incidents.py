"""`monitor-stream incidents`: what is wrong with the models, who has seen it, and who wants to hear no more of it."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from rich.markup import escape

from monitor_stream.cli.durations import Duration
from monitor_stream.cli.moments import Until
from monitor_stream.cli.options import takes_settings
from monitor_stream.cli.tables import print_table
from monitor_stream.deadletters.printable import printable
from monitor_stream.events.results import Acknowledgement, Finding, Incident
from monitor_stream.settings import Settings

if TYPE_CHECKING:
    from monitor_stream.incidents.desk import Desk
    from monitor_stream.server.reader import Reader

Command = TypeVar("Command", bound=Callable[..., object])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def signed(command: Command) -> Command:
    """Who says something, and what."""
    by = click.option("--by", default=getpass.getuser, show_default="your login", help="Who says so.")
    note = click.option("--note", default="", help="What others should know.")
    return by(note(command))


@click.group
def incidents() -> None:
    """List and show incidents, acknowledge and silence them.

    ID may be shortened to what no other id begins with. Reads and writes Redis, and tells Kafka; no server is needed.
    """


@incidents.command(name="list")
@click.option("--model", help="Of this model.")
@click.option("--severity", type=click.Choice(["warning", "critical"]), help="Of this severity.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["open", "pending", "resolved"]),
    default=("open",),
    show_default=True,
    help="In this state; repeatable.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@as_json
@takes_settings
def list_(
    settings: Settings,
    *,
    model: str | None,
    severity: str | None,
    states: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List incidents, the open ones first, then the newest."""
    from monitor_stream.incidents.find import all_incidents

    async def read() -> list[Incident]:
        async with _open(settings) as (reader, _):
            return all_incidents(await reader.read())

    found = [
        incident
        for incident in asyncio.run(read())
        if model in {None, incident.model}
        and severity in {None, incident.severity}
        and incident.state in states
    ]
    if as_json:
        click.echo(_json(found[:limit]))
        return
    if found:
        heads = ("id", "state", "severity", "model", "version", "opened (UTC)", "what", "said")
        print_table(heads, [map(escape, _row(incident)) for incident in found[:limit]])
    more = f", {limit} shown" if len(found) > limit else ""
    click.echo(f"{len(found)} {'incident' if len(found) == 1 else 'incidents'} ({', '.join(states)}){more}.")


@incidents.command
@click.argument("identity", metavar="ID")
@as_json
@takes_settings
def show(settings: Settings, identity: str, *, as_json: bool) -> None:
    """Show an incident with its evidence, and what is known of its cause."""
    from monitor_stream.incidents.find import all_incidents, find_incident
    from monitor_stream.incidents.why import explain

    async def read() -> Incident:
        async with _open(settings) as (reader, _):
            return find_incident(all_incidents(await reader.read()), identity)

    incident = asyncio.run(read())
    if as_json:
        click.echo(_json(incident))
        return
    for name, value in _facts(incident):
        click.echo(f"{name:<14}{printable(value)}")
    if incident.evidence:
        click.echo()
        heads = (
            "signal",
            "column",
            "check",
            "since (UTC)",
            "until (UTC)",
            "n",
            "value",
            "usual",
            "limit",
            "effect",
            "detail",
        )
        print_table(heads, [map(escape, _evidence(finding)) for finding in incident.evidence])
    if incident.why is not None:
        click.echo("\nwhy")
        for name, value in explain(incident.why, most=10):
            click.echo(f"  {name:<12}{printable(value)}")


@incidents.command
@click.argument("identity", metavar="ID")
@signed
@as_json
@takes_settings
def ack(settings: Settings, identity: str, *, by: str, note: str, as_json: bool) -> None:
    """Say that you have seen an incident. It stays open, and alerts go on."""

    async def say() -> Incident:
        async with _open(settings) as (_, desk):
            return await desk.acknowledge(identity, by=by, note=note)

    _done(asyncio.run(say()), as_json=as_json)


@incidents.command
@click.argument("identity", metavar="ID")
@click.option("--for", "seconds", type=Duration(), help="For so long: 30m, 8h, 2d; 0s ends a silence.")
@click.option("--until", type=Until(), help="Until a time such as 2026-01-31T12:00Z.")
@signed
@as_json
@takes_settings
def silence(
    settings: Settings,
    identity: str,
    *,
    seconds: float | None,
    until: float | None,
    by: str,
    note: str,
    as_json: bool,
) -> None:
    """Have alerts leave an open incident out, for a time. The page goes on showing it."""
    if (seconds is None) == (until is None):
        raise click.UsageError("Say how long: either --for or --until.")
    end = until if until is not None else time.time() + (seconds or 0.0)

    async def say() -> Incident:
        async with _open(settings) as (_, desk):
            return await desk.silence(identity, by=by, note=note, until=end)

    _done(asyncio.run(say()), as_json=as_json)


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[Reader, Desk]]:
    from monitor_stream.incidents.desk import Desk
    from monitor_stream.incidents.publish import publisher
    from monitor_stream.server.partitions import TopicPartitions
    from monitor_stream.server.reader import Reader
    from monitor_stream.state.redis import open_store

    store = await open_store(settings)
    try:
        reader = Reader(store, TopicPartitions(settings).counts)
        yield reader, Desk(store, reader, publisher(settings))
    finally:
        await store.close()


def _done(incident: Incident, *, as_json: bool) -> None:
    if as_json:
        click.echo(_json(incident))
    else:
        said = incident.acknowledged
        click.echo(f"{incident.id}: {_said(said) if said else ''}")


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _row(incident: Incident) -> tuple[str, ...]:
    return (
        incident.id,
        incident.state,
        incident.severity,
        printable(incident.model),
        printable(incident.version),
        _minute(incident.opened),
        ", ".join(incident.signals),
        _said(incident.acknowledged) if incident.acknowledged else "-",
    )


def _facts(incident: Incident) -> list[tuple[str, str]]:
    facts = [
        ("incident", incident.id),
        ("model", f"{incident.model} version {incident.version}"),
        ("state", f"{incident.state}, {incident.severity}"),
        ("opened", f"{_minute(incident.opened)} UTC"),
        ("newest", f"{_minute(incident.updated)} UTC"),
        ("summary", incident.summary),
    ]
    if incident.resolved:
        facts.insert(4, ("resolved", f"{_minute(incident.resolved)} UTC"))
    if incident.acknowledged:
        facts.append(("said", _said(incident.acknowledged)))
    return facts


def _evidence(finding: Finding) -> tuple[str, ...]:
    return (
        finding.signal,
        printable(finding.column) or "-",
        finding.check,
        _minute(finding.since or finding.start),
        _minute(finding.end),
        f"{finding.n:,}",
        *(
            "-" if value is None else f"{value:.4g}"
            for value in (finding.value, finding.expected, finding.threshold)
        ),
        f"{finding.effect:.1f}",
        printable(finding.detail),
    )


def _said(said: Acknowledgement) -> str:
    until = said.silenced_until
    silent = f", silent until {_minute(until)} UTC" if until and until > datetime.now(UTC) else ""
    note = f": {printable(said.note)}" if said.note else ""
    return f"seen by {printable(said.by)} at {_minute(said.at)} UTC{silent}{note}"


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
