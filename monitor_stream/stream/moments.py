"""The moments at which a crash would hurt most, told to whoever wants to know.

Nobody does in production. The crash tests do: a worker that is killed at exactly such a moment must lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Moment = Literal[
    "claimed",  # partitions are ours in the store, nothing is loaded yet
    "taken",  # loaded and sought, nothing is read yet
    "applied",  # a fold took in records that are not committed
    "committed",  # state, offsets and outbox are on disk, nothing of it is published
    "published",  # the broker has the messages, and they are still in the outbox
    "releasing",  # partitions are being given back, all committed and not yet let go
]

Observer = Callable[[Moment], None]


def nobody(_: Moment) -> None:
    """Takes no notice."""
