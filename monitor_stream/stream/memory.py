"""How much memory a process has, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(process: int | None = None) -> int:
    """Resident memory of a process, this one by default; 0 where the system does not tell (it is Linux that does).

    >>> resident_bytes() >= 0
    True
    """
    try:
        return int(Path(f"/proc/{process or 'self'}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
