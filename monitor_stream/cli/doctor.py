"""`monitor-stream doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.markup import escape

from monitor_stream.cli.options import takes_settings
from monitor_stream.cli.tables import print_table
from monitor_stream.settings import Settings

if TYPE_CHECKING:
    from monitor_stream.doctor import Finding

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@takes_settings
def doctor(settings: Settings, as_json: bool) -> None:
    """Check everything a worker needs, and say what to do. The exit code is 1 when something fails."""
    from monitor_stream.doctor import examine

    findings = list(examine(settings))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2))
    else:
        _print(findings)
    if any(finding.verdict == "fail" for finding in findings):
        click.get_current_context().exit(1)


def _print(findings: Sequence[Finding]) -> None:
    print_table(
        ("", "check", "found", "what to do"),
        [
            (
                f"[{COLOURS[finding.verdict]}]{finding.verdict}[/]",
                finding.check,
                escape(finding.found),
                escape(finding.advice),
            )
            for finding in findings
        ],
    )
