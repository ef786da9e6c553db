"""`monitor-stream profile` and `monitor-stream profile diff`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from monitor_stream.cli.durations import Duration
from monitor_stream.cli.models import read_spec
from monitor_stream.cli.tables import print_table
from monitor_stream.errors import InputError
from monitor_stream.events.codec import encode_json
from monitor_stream.events.spec import Distance, Kind
from monitor_stream.profile.diff import Change, compare
from monitor_stream.profile.pretty import pretty
from monitor_stream.profile.profile import describe
from monitor_stream.profile.rows import Progress as Told
from monitor_stream.profile.show import show


class ProfileGroup(click.Group):
    """A command that has subcommands beside it: what is none of them goes to `make`, as if there were no group."""

    make: click.Command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.commands:
            return super().make_context(info_name, args, parent, **extra)
        return self.make.make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)


def names(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Columns from ``a,b``."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def pairs(_context: click.Context, _option: click.Parameter, text: str | None) -> dict[str, str] | None:
    """Classes and columns from ``cat=p_cat,dog=p_dog``."""
    return None if text is None else _paired(text.split(","), "CLASS=COLUMN,...")


def kinds(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    """Columns and kinds from ``zip=categorical``, given any number of times."""
    return _chosen(given, "COLUMN=KIND", get_args(Kind))


def methods(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str] | None:
    """Columns and distances from ``age=ks``, given any number of times."""
    return _chosen(given, "COLUMN=DISTANCE", get_args(Distance))


def created(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """A moment from ISO 8601, UTC where it has no offset."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no time such as 2026-01-31T12:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _paired(parts: list[str] | tuple[str, ...], form: str) -> dict[str, str]:
    found = [part.rpartition("=") for part in parts]
    for part, (name, _, value) in zip(parts, found, strict=True):
        if not name or not value:
            raise click.BadParameter(f"{part!r} is no pair {form}")
    return {name.strip(): value.strip() for name, _, value in found}


def _chosen(given: tuple[str, ...], form: str, allowed: tuple[str, ...]) -> dict[str, str] | None:
    found = _paired(given, form)
    for name, value in found.items():
        if value not in allowed:
            raise click.BadParameter(f"{name}={value}: it is one of {', '.join(allowed)}")
    return found or None


@click.group(cls=ProfileGroup)
def profile() -> None:
    """Make a model's spec from reference rows, and compare two."""


@click.command(epilog="`monitor-stream profile diff A.json B.json` says what differs between two specs.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The model's name.")
@click.option("--version", required=True, help="The model's version.")
@click.option("--task", required=True, type=click.Choice(["regression", "binary", "multiclass"]))
@click.option("--prediction", metavar="COLUMN", help="The model's answers.")
@click.option("--score", metavar="COLUMN", help="The probability of the positive class.")
@click.option("--scores", metavar="CLASS=COLUMN,...", callback=pairs, help="The probability of each class.")
@click.option("--label", metavar="COLUMN", help="The truth.")
@click.option(
    "--time",
    metavar="COLUMN",
    help="When each prediction was made: it orders the reference windows, and shows how far days differ.",
)
@click.option(
    "--features", metavar="COLUMN,...", callback=names, help="The input; by default all other columns."
)
@click.option("--exclude", metavar="COLUMN,...", callback=names, help="Columns that are no input.")
@click.option("--segments", metavar="COLUMN,...", callback=names, help="Groups that performance is told for.")
@click.option(
    "--sensitive", metavar="COLUMN,...", callback=names, help="Groups that must not be treated worse."
)
@click.option(
    "--kind",
    "kinds",
    metavar="COLUMN=KIND",
    multiple=True,
    callback=kinds,
    help=f"What a column is, where that is not told right: {', '.join(get_args(Kind))}.",
)
@click.option(
    "--importance",
    type=click.Path(path_type=Path),
    help="A JSON file, feature to weight: it weighs the share of drifted features.",
)
@click.option("--positive", metavar="CLASS", help="The positive class of a binary task.")
@click.option("--threshold", type=float, help="The score from which a prediction counts as positive.")
@click.option("--window", "window_seconds", type=Duration(), help="Length of a window, such as 5m or 1h.")
@click.option("--horizon", "horizon_seconds", type=Duration(), help="How long a label may take, such as 48h.")
@click.option("--disorder", "allowed_disorder_seconds", type=Duration(), help="How late an event may come.")
@click.option("--staleness", "staleness_seconds", type=Duration(), help="How long a silence is normal.")
@click.option("--objective", type=float, help="The share of predictions that should not be bad.")
@click.option("--tolerance", type=float, help="The absolute error from which a regression is bad.")
@click.option("--relative-tolerance", type=float, help="The same as a share of the label.")
@click.option("--min-samples", type=int, help="The smallest sample that is judged.")
@click.option(
    "--drift-span", "drift_span_seconds", type=Duration(), help="What drift is judged on; 1d by default."
)
@click.option(
    "--false-alarms-per-month",
    type=click.FloatRange(min=0.0, min_open=True),
    help="How many incidents of drift may be false, over all columns; 1 by default.",
)
@click.option(
    "--method",
    "methods",
    metavar="COLUMN=DISTANCE",
    multiple=True,
    callback=methods,
    help=f"The distance that judges a column: {', '.join(get_args(Distance))}.",
)
@click.option("--all-methods", is_flag=True, help="Calibrate all distances of each column, to be shown.")
@click.option("--season", is_flag=True, help="Keep references by hour of the week; needs --time.")
@click.option(
    "--mask",
    "masked",
    metavar="COLUMN,...",
    callback=names,
    help="Features whose values are hidden where events are shown.",
)
@click.option(
    "--no-examples",
    "store_examples",
    flag_value=False,
    type=bool,
    default=None,
    help="Keep no events as they are, not even outliers.",
)
@click.option("--owner", help="Who is told.")
@click.option("--tier", help="How much it matters, in your words.")
@click.option("--stage", type=click.Choice(["champion", "challenger", "shadow"]))
@click.option("--created", metavar="TIME", callback=created, help="When the spec was made; now by default.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Where the spec goes.")
def make(file: Path, output: Path, importance: Path | None, **fields: Any) -> None:
    """Make a model's spec from reference rows.

    FILE (Parquet, CSV or NDJSON, of any size) holds the rows the model was trained on or, better, tested on: its input
    and, where known, its answers and the truth. What is inferred is printed; the spec is JSON to read, correct and
    keep in git.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if importance is not None:
        given["importance"] = read_importance(importance)
    with _progress() as progress:
        found = describe(file, **given, progress=progress)
    output.write_bytes(pretty(found.spec))
    show(found)
    click.echo(f"\n{output}: {found.spec.model} {found.spec.version}, digest {found.spec.digest}")


def read_importance(path: Path) -> dict[str, float]:
    """Weights of features from a JSON file; raises `InputError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except OSError as error:
        raise InputError(f"The importances {path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"The importances {path} are no JSON object of feature to weight: {error}."
        ) from error


@profile.command
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Say what differs between two specs: columns, references, baseline, settings.

    Names and the time of making do not count. The exit code is 1 when something differs, as with diff(1). Distances
    are judged as if the second reference were a span of events of the first.
    """
    one, other = read_spec(before), read_spec(after)
    changes = compare(one, other)
    if as_json:
        click.echo(encode_json({"before": one.digest, "after": other.digest, "changes": changes}))
    elif changes:
        print_table(("column", "change", str(before), str(after), "distance"), map(_row, changes))
    if changes:
        click.get_current_context().exit(1)


def _row(change: Change) -> tuple[str, ...]:
    return tuple(
        map(escape, (change.column or "-", change.what, change.before, change.after, _distance(change)))
    )


def _distance(change: Change) -> str:
    drift = change.drift
    if drift is None:
        return ""
    if drift.value is None or drift.threshold is None:
        return drift.not_computable or ""
    verdict = "drift" if drift.drifted else "no drift"
    return f"{drift.method} {drift.value:.3g}: {verdict} (from {drift.threshold:.3g})"


@contextlib.contextmanager
def _progress() -> Iterator[Told]:
    """Progress on stderr, so that what is printed can be piped."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        tasks = {}

        def told(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield told


profile.make = make
