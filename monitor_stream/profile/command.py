"""`monitor-stream profile`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor_stream.cli.durations import Duration
from monitor_stream.events.spec import Feature, ModelSpec, NumericReference
from monitor_stream.profile.profile import profile as make
from monitor_stream.replay.files import table_batches, table_names


def names(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Columns from ``a,b``."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def pairs(_context: click.Context, _option: click.Parameter, text: str | None) -> dict[str, str] | None:
    """Classes and columns from ``cat=p_cat,dog=p_dog``."""
    if text is None:
        return None
    found = [part.partition("=") for part in text.split(",")]
    if any(not column for _, _, column in found):
        raise click.BadParameter(f"{text!r} are no pairs CLASS=COLUMN,...")
    return {name.strip(): column.strip() for name, _, column in found}


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The model's name.")
@click.option("--version", required=True, help="The model's version.")
@click.option("--task", required=True, type=click.Choice(["regression", "binary", "multiclass"]))
@click.option("--prediction", metavar="COLUMN", help="The model's answers.")
@click.option("--score", metavar="COLUMN", help="The probability of the positive class.")
@click.option("--scores", metavar="CLASS=COLUMN,...", callback=pairs, help="The probability of each class.")
@click.option("--label", metavar="COLUMN", help="The truth.")
@click.option(
    "--time", metavar="COLUMN", help="When each prediction was made: it orders the reference windows."
)
@click.option(
    "--features", metavar="COLUMN,...", callback=names, help="The input; by default all other columns."
)
@click.option("--segments", metavar="COLUMN,...", callback=names, help="Groups that performance is told for.")
@click.option(
    "--sensitive", metavar="COLUMN,...", callback=names, help="Groups that must not be treated worse."
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
@click.option("--owner", help="Who is told.")
@click.option("--tier", help="How much it matters, in your words.")
@click.option("--stage", type=click.Choice(["champion", "challenger", "shadow"]))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Where the spec goes.")
def profile(file: Path, output: Path, **fields: Any) -> None:
    """Make a model's spec from reference rows.

    FILE (Parquet, CSV or NDJSON) holds the rows the model was trained on or, better, tested on: its input and, where
    known, its answers and the truth. What is inferred is printed; the spec is JSON to read, correct and keep in git.
    """
    table = read(file)
    given = {name: value for name, value in fields.items() if value is not None}
    spec = make(table, **given)
    output.write_bytes(pretty(spec))
    show(spec, table.column_names, given, Console())
    click.echo(f"{output}: {spec.model} {spec.version}, digest {spec.digest}")


def read(file: Path) -> Any:
    """A file as one Arrow table."""
    batches = list(table_batches(file, table_names(file)))
    return pa.Table.from_batches(batches)


def pretty(spec: ModelSpec) -> bytes:
    """A spec as JSON that people read and diff: one value a line, in the order of `ModelSpec`."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"


def show(spec: ModelSpec, columns: list[str], given: dict[str, Any], console: Console) -> None:
    """Print what was inferred."""
    if not console.is_terminal:
        console.width = 160
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("feature", "kind", "missing", "values"):
        table.add_column(name, overflow="fold")
    for feature in spec.features:
        missing = feature.reference.missing if feature.reference else 0.0
        table.add_row(escape(feature.name), feature.kind, f"{missing:.1%}", escape(_values(feature)))
    console.print(table)
    used = {feature.name for feature in spec.features}
    for value in given.values():
        used |= {value} if isinstance(value, str) else set(value) if isinstance(value, tuple) else set()
        used |= set(value.values()) if isinstance(value, dict) else set()
    if left := [name for name in columns if name not in used]:
        console.print(
            f"Left out (times, nested, empty, or different in every row): {escape(', '.join(left))}"
        )
    if spec.baseline:
        metrics = (
            f"{name} {found.mean:.4g} ± {found.std:.2g}" for name, found in sorted(spec.baseline.items())
        )
        console.print(f"Baseline: {', '.join(metrics)}")


def _values(feature: Feature) -> str:
    reference = feature.reference
    if reference is None:
        return ""
    if isinstance(reference, NumericReference):
        return (
            f"{reference.minimum:g} to {reference.maximum:g}, mean {reference.mean:.4g} ± {reference.std:.3g}"
        )
    shown = [f"{name} {share:.0%}" for name, share in list(reference.shares.items())[:4]]
    more = len(reference.shares) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
