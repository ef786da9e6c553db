"""Tables on a terminal, and in a pipe: there as wide as they are, so that grep finds whole cells."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def print_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print cells in columns; cells may hold rich's markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    console.print(table)
