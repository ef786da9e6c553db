"""Python and the libraries beside us."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from packaging.requirements import Requirement

from monitor_stream.doctor.finding import Finding, fail, ok
from monitor_stream.errors import EngineError
from monitor_stream.settings import Settings

OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)


def check_installation(_: Settings) -> Iterator[Finding]:
    """Whether this is a Python, and these are the libraries, that the package was made for."""
    yield _python(sys.version_info[:2])
    yield _libraries(requires("monitor-stream") or [])
    yield _engine()


def _python(running: tuple[int, int]) -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if OLDEST <= running <= NEWEST:
        return ok("python", found)
    return fail(
        "python", found, "Run monitor-stream on Python 3.11, 3.12 or 3.13: the stream engine needs it."
    )


def _libraries(requirements: list[str]) -> Finding:
    wrong = [
        f"{requirement.name} {_installed(requirement.name)}, not {requirement.specifier or 'there'}"
        for requirement in map(Requirement, requirements)
        if _applies(requirement) and not _fits(requirement)
    ]
    if wrong:
        return fail("libraries", "; ".join(wrong), "Install again: pip install --upgrade monitor-stream")
    names = ("confluent-kafka", "redis", "river")
    return ok("libraries", ", ".join(f"{name} {_installed(name)}" for name in names))


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _fits(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _engine() -> Finding:
    from monitor_stream.stream.engine_check import check_engine

    found = ", ".join(
        f"{name} {_installed(name)}" for name in ("faust-streaming", "mode-streaming", "aiokafka")
    )
    try:
        check_engine()
    except EngineError as error:
        return fail("engine", f"{found}: {error}", "Install again: pip install --upgrade monitor-stream")
    return ok("engine", found)
