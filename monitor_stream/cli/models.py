"""`monitor-stream models`: publish, list and show model specs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.markup import escape

from monitor_stream.cli.options import takes_settings
from monitor_stream.cli.tables import print_table
from monitor_stream.errors import SpecError
from monitor_stream.events.spec import ModelSpec, spec_key
from monitor_stream.settings import Settings


@click.group
def models() -> None:
    """Publish, list and show model specs: what is known of a model before its first event."""


@models.command
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE..."
)
@takes_settings
def apply(settings: Settings, files: tuple[Path, ...]) -> None:
    """Publish specs (JSON, as `monitor-stream profile` makes them). All are checked before one is sent."""
    from monitor_stream.topics.registry import publish_spec

    specs = [read_spec(path) for path in files]
    for spec in specs:
        publish_spec(settings, spec)
        click.echo(f"{spec.key}: published, digest {spec.digest}")


@models.command(name="list")
@takes_settings
def list_(settings: Settings) -> None:
    """List the specs in force."""
    from monitor_stream.topics.registry import read_specs

    registry = read_specs(settings)
    heads = ("model", "version", "task", "features", "reference", "owner", "stage", "created", "digest")
    print_table(heads, [map(escape, _row(spec)) for _, spec in sorted(registry.specs.items())])
    for key, reason in sorted(registry.unreadable.items()):
        click.echo(f"{key}: cannot be read: {reason}", err=True)


@models.command
@click.argument("model")
@click.argument("version", required=False)
@takes_settings
def show(settings: Settings, model: str, version: str | None) -> None:
    """Print a spec as JSON; without a version, the newest of the model."""
    from monitor_stream.topics.registry import read_specs

    specs = [spec for spec in read_specs(settings).specs.values() if spec.model == model]
    found = [spec for spec in specs if version in {None, spec.version}]
    if not found:
        known = ", ".join(sorted(spec.version for spec in specs))
        raise SpecError(
            f"There is no spec of model {model}{f' version {version}' if version else ''} at {settings.bootstrap}"
            f"{f'; it has {known}' if known else ''}."
        )
    newest = max(found, key=lambda spec: spec.created)
    click.echo(msgspec.json.format(msgspec.json.encode(newest), indent=2).decode())


@models.command
@click.argument("model")
@click.argument("version")
@takes_settings
def remove(settings: Settings, model: str, version: str) -> None:
    """Take a spec out of force, for a version that is retired."""
    from monitor_stream.topics.registry import remove_spec

    remove_spec(settings, model, version)
    click.echo(f"{spec_key(model, version)}: removed")


def read_spec(path: Path) -> ModelSpec:
    """Read a spec from a file; raises `SpecError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelSpec)
    except OSError as error:
        raise SpecError(f"The spec {path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"The spec {path} is not valid: {error}.") from error


def _row(spec: ModelSpec) -> tuple[str, ...]:
    created = datetime.fromtimestamp(spec.created, UTC).strftime("%Y-%m-%d %H:%M") if spec.created else "-"
    references = sum(feature.reference is not None for feature in spec.features)
    return (
        spec.model,
        spec.version,
        spec.task,
        str(len(spec.features)),
        f"{references} features" if references else "none",
        spec.owner or "-",
        spec.stage,
        created,
        spec.digest,
    )
