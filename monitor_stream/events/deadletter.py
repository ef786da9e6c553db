"""What could not be read, with the reason: nothing that arrives is lost in silence."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Reason = Literal[
    "tombstone",  # a record without a value
    "too_large",  # more bytes than `max_record_bytes`
    "not_utf8",
    "not_json",
    "not_finite",  # NaN or infinity, which JSON does not have
    "missing_field",
    "wrong_type",
    "out_of_bounds",  # a name too long, a probability above one
    "timestamp_in_future",  # further ahead of its Kafka record than `max_future_seconds`
    "timestamp_too_old",  # before the year 2000: a unit mixed up, or no clock at all
    "poison",  # crashed the code that read it, more than once
]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record set aside. `value` holds its first bytes (base64 in JSON), `size` how many it had.

    `topic` is the role of the topic, such as ``predictions``; the record's place is on the topic of that role.
    `replayed` is when the record was sent to its topic again: a second letter of the place says so, with no value.
    """

    reason: Reason
    detail: str
    topic: str
    partition: int
    offset: int
    timestamp: datetime
    size: int
    value: bytes | None
    replayed: datetime | None = None
