"""What is in force."""

from __future__ import annotations

from collections.abc import Iterator

from monitor_stream.config import masked
from monitor_stream.doctor.finding import Finding, ok
from monitor_stream.settings import Settings


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Name the settings that are not the default, without passwords."""
    given, default = masked(settings), masked(Settings())
    changed = [f"{name} = {value}" for name, value in given.items() if value != default[name]]
    yield ok("settings", ", ".join(changed) or "all by default")
