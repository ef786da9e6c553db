"""A group of commands, each imported when it is called: `--help` answers at once, and a worker loads no demo."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import click


@dataclass(frozen=True)
class Lazy:
    """Where a command is (``package.module:name``), and what it does in a few words."""

    path: str
    help: str

    def load(self) -> click.Command:
        """Import it."""
        module, _, name = self.path.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 tells the type checker what is plain
        return command


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    lazy: ClassVar[Mapping[str, Lazy]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self.lazy.get(cmd_name)
        return found.load() if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self.lazy.items()])
