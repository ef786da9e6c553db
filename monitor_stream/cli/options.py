"""Every setting as a flag, made from the settings themselves.

The flags stand before the command or after it; the later one wins. A command that wants the settings is decorated
with `takes_settings` and gets them, loaded, as its first argument.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click

from monitor_stream.config.fields import Setting, settings
from monitor_stream.config.load import FILE, FILE_VARIABLE, load_settings
from monitor_stream.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG: Final = "config"


class SettingOption(click.Option):
    """A flag that stands for a setting; the value stays text, `load_settings` reads it like a variable's."""


def setting_flags(*, hidden: bool = False) -> Callable[[Command], Command]:
    """Give a command every flag there is. Hidden ones work, and are explained by `monitor-stream --help`."""

    def decorate(command: Command) -> Command:
        for setting in reversed(settings().values()):
            command = _flag(setting, hidden=hidden)(command)
        return click.option(
            "--config",
            cls=SettingOption,
            metavar="FILE",
            hidden=hidden,
            help=f"Read settings from this TOML file.  [default: ${FILE_VARIABLE}, else {FILE} if there is one]",
        )(command)

    return decorate


def keep_flags(context: click.Context) -> None:
    """Remember the flags that were given here, over those given before."""
    given: dict[str, str] = context.ensure_object(dict)
    for option in context.command.params:
        if isinstance(option, SettingOption) and option.name is not None:
            value = context.params.pop(option.name, None)
            if value is not None:
                given[option.name] = value


def given_settings(context: click.Context) -> Settings:
    """The settings by all flags seen so far, the environment and the file."""
    flags: dict[str, str] = dict(context.ensure_object(dict))
    config = flags.pop(CONFIG, None)
    return load_settings(config=None if config is None else Path(config), environment=os.environ, flags=flags)


def takes_settings(function: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Give a command the settings as its first argument, and the flags that make them."""

    @functools.wraps(function)
    def with_settings(*args: P.args, **kwargs: P.kwargs) -> R:
        context = click.get_current_context()
        keep_flags(context)
        for name in (CONFIG, *settings()):
            kwargs.pop(name, None)
        return function(given_settings(context), *args, **kwargs)

    return setting_flags(hidden=True)(with_settings)


def _flag(setting: Setting, *, hidden: bool) -> Callable[[Command], Command]:
    default = f"  [default: {setting.default_text}]" if setting.default_text else ""
    return click.option(
        setting.flag,
        setting.name,
        cls=SettingOption,
        metavar=setting.kind.partition(",")[0].upper() if "|" not in setting.kind else setting.kind,
        hidden=hidden,
        help=setting.description + default,
    )
