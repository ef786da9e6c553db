"""`monitor-stream deadletters`: what was set aside, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
import msgspec
from rich.markup import escape

from monitor_stream.cli.moments import Since
from monitor_stream.cli.options import takes_settings
from monitor_stream.cli.tables import print_table
from monitor_stream.deadletters.printable import printable, to_json
from monitor_stream.events.deadletter import Reason
from monitor_stream.settings import Settings

if TYPE_CHECKING:
    from monitor_stream.deadletters.letters import Entry, Filter, Listing
    from monitor_stream.deadletters.original import Original
    from monitor_stream.deadletters.replay import Selection

Command = TypeVar("Command", bound=Callable[..., object])


def filtered(command: Command) -> Command:
    """The flags that choose letters."""
    for option in (
        click.option(
            "--since", type=Since(), help="Set aside since: 2h ago (s, m, h, d, w), or a time such as 2026-01-31T12:00Z."
        ),
        click.option("--topic", help="Of this topic, by its role (predictions) or its name on the broker."),
        click.option(
            "--reason", "reasons", multiple=True, type=click.Choice(get_args(Reason)), help="For this reason; repeatable."
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group
def deadletters() -> None:
    """List, show and replay the records that could not be read.

    docs/guide/events.md says what each reason means, docs/guide/operations.md when to replay.
    """


@deadletters.command(name="list")
@filtered
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Show the newest so many; all are counted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@takes_settings
def list_(
    settings: Settings,
    *,
    reasons: tuple[Reason, ...],
    topic: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest dead letters, and count all by reason."""
    from monitor_stream.deadletters.letters import list_letters

    listing = list_letters(settings, _filter(reasons, topic, since), limit)
    if as_json:
        click.echo(to_json(_listing(listing)))
        return
    if listing.newest:
        heads = ("reason", "topic", "partition", "offset", "set aside", "sent again", "detail")
        print_table(heads, [map(escape, _row(entry, listing.replayed)) for entry in listing.newest])
        click.echo()
    count = sum(listing.reasons.values())
    click.echo(f"{count:,} dead letters{_in_brackets(listing.reasons)}{_shown(len(listing.newest), count)}.")
    if listing.replays:
        click.echo(f"{listing.replays:,} were sent again.")
    if listing.unreadable:
        click.echo(
            f"{listing.unreadable:,} records of {settings.topic('deadletters')} are no dead letters.",
            err=True,
        )


@deadletters.command
@click.argument("topic")
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; bytes are base64.")
@takes_settings
def show(settings: Settings, topic: str, partition: int, offset: int, as_json: bool) -> None:
    """Show a dead letter, and the whole record it speaks of: TOPIC by its role or its name.

    What a terminal would act on is escaped.
    """
    from monitor_stream.deadletters.letters import find_letter, topic_name
    from monitor_stream.deadletters.original import find_original
    from monitor_stream.deadletters.reader import Place, Reader

    with Reader(settings) as reader:
        entry, replayed = find_letter(settings, reader, Place(topic_name(settings, topic), partition, offset))
        original = find_original(reader, entry.place, entry.letter)
    if as_json:
        click.echo(to_json(_whole(entry, replayed, original)))
        return
    for name, value in _facts(entry, replayed, original):
        click.echo(f"{name:<12}{printable(value)}")


@deadletters.command
@filtered
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="Send the oldest so many; the next call takes the next ones.",
)
@click.option("--again", is_flag=True, help="Also those that were sent again before.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@takes_settings
def replay(
    settings: Settings,
    *,
    reasons: tuple[Reason, ...],
    topic: str | None,
    since: float | None,
    limit: int,
    again: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Send the records themselves to their topics again, once the service or the spec is mended.

    Each goes to its partition with its key, headers and timestamp, and is noted, so that the next replay leaves it out.
    One that still cannot be read is set aside again. Asks before it sends.
    """
    from monitor_stream.deadletters import replay as room

    selection = room.select(settings, _filter(reasons, topic, since), limit=limit, again=again)
    _say(selection)
    if not selection.chosen or dry_run:
        return
    if not yes:
        click.confirm(f"Send {len(selection.chosen):,} records again?", abort=True)
    done = room.replay(settings, selection.chosen)
    click.echo(f"Sent {done.sent:,} records again{f'; {done.gone:,} were gone' if done.gone else ''}.")


def _filter(reasons: tuple[Reason, ...], topic: str | None, since: float | None) -> Filter:
    from monitor_stream.deadletters.letters import Filter

    return Filter(reasons=frozenset(reasons), topic=topic, since=since)


def _row(entry: Entry, replayed: Mapping[Any, datetime]) -> tuple[str, ...]:
    letter, place = entry.letter, entry.place
    again = replayed.get(place)
    return (
        letter.reason,
        printable(place.topic),
        str(place.partition),
        str(place.offset),
        _time(entry.set_aside),
        "-" if again is None else _time(again),
        printable(letter.detail),
    )


def _listing(listing: Listing) -> dict[str, Any]:
    return {
        "letters": [
            _document(entry, listing.replayed.get(entry.place)) for entry in listing.newest
        ],
        "reasons": dict(listing.reasons.most_common()),
        "sent_again": listing.replays,
        "unreadable": listing.unreadable,
    }  # fmt: skip


def _document(entry: Entry, replayed: datetime | None) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(entry.letter)
    return found | {
        "topic": entry.place.topic,
        "set_aside": msgspec.to_builtins(entry.set_aside),
        "replayed": msgspec.to_builtins(replayed),
    }


def _whole(entry: Entry, replayed: datetime | None, original: Original) -> dict[str, Any]:
    from monitor_stream.deadletters.original import headers

    record = original.record
    return {
        "letter": _document(entry, replayed),
        "record": None
        if record is None
        else msgspec.to_builtins({"key": record.key(), "headers": headers(record), "value": record.value()}),
        "gone": original.gone,
    }


def _facts(
    entry: Entry, replayed: datetime | None, original: Original
) -> list[tuple[str, str | bytes | None]]:
    from monitor_stream.deadletters.original import headers

    letter, place, record = entry.letter, entry.place, original.record
    facts: list[tuple[str, str | bytes | None]] = [
        ("place", f"{place.topic}, partition {place.partition}, offset {place.offset}"),
        ("reason", letter.reason),
        ("detail", letter.detail),
        ("timestamp", f"{_time(letter.timestamp)} UTC"),
        ("set aside", f"{_time(entry.set_aside)} UTC"),
        ("sent again", "no" if replayed is None else f"{_time(replayed)} UTC"),
        ("size", f"{letter.size:,} bytes"),
    ]
    if record is None:
        facts += [("record", original.gone), ("beginning", letter.value)]
    else:
        facts += [("key", record.key())]
        facts += [("header", f"{name}: {printable(value)}") for name, value in headers(record)]
        facts += [("value", record.value())]
    return facts


def _say(selection: Selection) -> None:
    for topic, reasons in selection.by_topic().items():
        count = sum(reasons.values())
        click.echo(f"{printable(topic)}: {count:,} records{_in_brackets(reasons)}")
    if not selection.chosen:
        click.echo("Nothing to send again.")
    if selection.gone:
        click.echo(f"{selection.gone:,} of them are gone: retention removed them.")
    if selection.more:
        click.echo(f"{selection.more:,} newer ones match too; --limit leaves them for the next time.")
    if selection.replayed:
        click.echo(f"{selection.replayed:,} were sent again before, and are left out; --again takes them.")
    if selection.ours:
        click.echo(f"{selection.ours:,} are of topics that no service writes to, and cannot be sent again.")


def _in_brackets(reasons: Counter[str]) -> str:
    return (
        f" ({', '.join(f'{reason} {count:,}' for reason, count in reasons.most_common())})" if reasons else ""
    )


def _shown(shown: int, count: int) -> str:
    return f"; the newest {shown:,} are shown" if shown < count else ""


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
