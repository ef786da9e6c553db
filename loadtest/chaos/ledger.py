"""What each worker did and when, told by the worker itself: a file of lines for each process, which outlives it.

Times are of the clock that all processes of a machine share (`time.monotonic`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

NAME = "ledger"


class Claimed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A (fold, partition) was claimed; reading goes on from these offsets, by topic role."""

    time: float
    fold: str
    partition: int
    epoch: int
    offsets: Mapping[str, int]


class Read(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """OBSERVE took in `count` records, from offset `first` to `last`, under that claim."""

    time: float
    partition: int
    epoch: int
    role: str
    first: int
    last: int
    count: int


class Committed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A commit is on disk."""

    time: float
    fold: str
    partition: int
    epoch: int


class Released(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """All that was held is committed and let go of: a rebalance, or the end."""

    time: float


class Ended(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The process kills itself now. Of the supervisor's: it is killed, frozen or asked to end now, or ended by itself."""

    time: float
    how: str


Entry = Claimed | Read | Committed | Released | Ended

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


class Ledger:
    """Writes the lines of one process. A line is one write, so that a killed process leaves whole lines."""

    def __init__(self, directory: Path) -> None:
        path = directory / f"{NAME}.{os.getpid()}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, entry: Entry) -> None:
        os.write(self._file, _encode(entry) + b"\n")


class Line(NamedTuple):
    """An entry, and the process that it is about."""

    pid: int
    entry: Entry


def read(directory: Path) -> list[Line]:
    """All lines of all processes in the order of time."""
    lines = [
        Line(int(path.suffix[1:]), _decode(line))
        for path in directory.glob(f"worker-*/{NAME}.*")
        for line in path.read_bytes().splitlines()
    ]
    return sorted(lines, key=lambda line: line.entry.time)


def now() -> float:
    """The clock of the ledger."""
    return time.monotonic()
