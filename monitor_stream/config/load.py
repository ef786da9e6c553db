"""Defaults, then a TOML file, then the environment, then flags: the later one wins, and an unknown name is an error.

A mistyped setting that is passed over in silence is how a monitor comes to watch the wrong cluster.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor_stream.config.fields import PREFIX, as_text, settings
from monitor_stream.errors import SettingsError
from monitor_stream.settings import Settings

#: The file that is read from the working directory when none is named.
FILE: Final = "monitor-stream.toml"
#: Names the file, in place of `--config`.
FILE_VARIABLE: Final = PREFIX + "CONFIG"


def load_settings(
    *, config: Path | None = None, environment: Mapping[str, str], flags: Mapping[str, str] | None = None
) -> Settings:
    """Put the layers together.

    Parameters
    ----------
    config
        A TOML file; without it the one `MONITOR_STREAM_CONFIG` names, else `monitor-stream.toml` if there is one.
    environment
        Variables named ``MONITOR_STREAM_`` and a setting in capitals; others are not looked at.
    flags
        Settings by name, as text.

    Raises `SettingsError`, which names the layer, the setting and, for an unknown one, the nearest that exists.

    Examples
    --------
    >>> load_settings(environment={"MONITOR_STREAM_PORT": "9000"}, flags={"host": "0.0.0.0"}).port
    9000
    >>> load_settings(environment={"MONITOR_STREAM_BOOTSTRP": "kafka:9092"})
    Traceback (most recent call last):
    monitor_stream.errors.SettingsError: The environment variable MONITOR_STREAM_BOOTSTRP names no setting; did you
    mean MONITOR_STREAM_BOOTSTRAP?
    """
    values = {
        **_from_file(config or _file(environment)),
        **_from_environment(environment),
        **_from_flags(flags or {}),
    }
    loaded = Settings(**values)
    _check_security(loaded)
    return loaded


def to_environment(loaded: Settings) -> dict[str, str]:
    """The variables that hand these settings to a child process; `load_settings` reads them back."""
    return {setting.variable: as_text(getattr(loaded, name)) for name, setting in settings().items()}


def _file(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get(FILE_VARIABLE):
        return Path(named)
    return Path(FILE) if Path(FILE).exists() else None


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from error
    for name in table:
        if name not in settings():
            raise SettingsError(f"{path}: {name} is no setting{_suggest(name)}")
    return {name: _convert(name, value, f"{path}: {name}", strict=True) for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    by_variable = {setting.variable: name for name, setting in settings().items()}
    values = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
            continue
        if variable not in by_variable:
            near = _suggest(variable.removeprefix(PREFIX).lower(), PREFIX)
            raise SettingsError(f"The environment variable {variable} names no setting{near}")
        name = by_variable[variable]
        values[name] = _convert(name, text, variable, strict=False)
    return values


def _from_flags(flags: Mapping[str, str]) -> dict[str, Any]:
    return {name: _convert(name, text, settings()[name].flag, strict=False) for name, text in flags.items()}


def _convert(name: str, value: Any, source: str, *, strict: bool) -> Any:
    try:
        return getattr(msgspec.convert({name: value}, Settings, strict=strict), name)
    except msgspec.ValidationError as error:
        reason = str(error).partition(" - at `")[0]
        shown = "" if settings()[name].secret else f" = {value!r}"
        raise SettingsError(f"{source}{shown}: {reason}.") from error


def _suggest(name: str, prefix: str = "") -> str:
    near = difflib.get_close_matches(name, settings(), n=1, cutoff=0.5)
    if not near:
        return ". docs/settings.md lists them all."
    return f"; did you mean {prefix + near[0].upper() if prefix else near[0]}?"


def _check_security(loaded: Settings) -> None:
    """A password that is never sent looks like a broker that is down: say it first."""
    protocol = loaded.kafka_security_protocol
    if loaded.kafka_sasl_username and not protocol.startswith("SASL_"):
        raise SettingsError(
            f"kafka_sasl_username is set but kafka_security_protocol is {protocol}, which does not log in; "
            f"did you mean SASL_SSL?"
        )
    if protocol.startswith("SASL_") and not (loaded.kafka_sasl_username and loaded.kafka_sasl_password):
        raise SettingsError(
            f"kafka_security_protocol is {protocol}: kafka_sasl_username and kafka_sasl_password must be set."
        )
    if bool(loaded.kafka_ssl_certificate) != bool(loaded.kafka_ssl_key):
        raise SettingsError("kafka_ssl_certificate and kafka_ssl_key must be set together.")
