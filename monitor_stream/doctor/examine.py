"""All checks, in the order in which one would mend things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from monitor_stream.doctor.broker import check_broker
from monitor_stream.doctor.finding import Finding
from monitor_stream.doctor.installation import check_installation
from monitor_stream.doctor.settings import check_settings
from monitor_stream.doctor.store import check_store
from monitor_stream.settings import Settings

CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    check_installation,
    check_settings,
    check_broker,
    check_store,
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check. What cannot be reached is a finding, not an error, and takes some seconds at most."""
    for check in CHECKS:
        yield from check(settings)
