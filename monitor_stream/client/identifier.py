"""Identifiers for predictions that come without one."""

from __future__ import annotations

import os
import random
import time

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62

# Seeded by the system, apart from the generator a service may have seeded itself, and anew in a forked child: no two
# processes repeat each other. Ids are no secrets; asking the system for each would cost half of a whole event.
_random = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_random.seed)


def new_prediction_id() -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 74 random ones, so that ids sort by time.

    >>> first, second = new_prediction_id(), new_prediction_id()
    >>> first != second, first[14]
    (True, '7')
    """
    milliseconds = time.time_ns() // 1_000_000
    high, low = _random.getrandbits(12), _random.getrandbits(62)
    text = f"{milliseconds << 80 | _VERSION_7 | high << 64 | _VARIANT | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
