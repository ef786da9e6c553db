"""The contract of a fold: pure, so that a worker, a replay and a property test can run the same one.

A fold does no I/O, reads no clock and draws no random number. It is fed batches, tells what to publish and what
of its state has changed, and can be restored from that state. For any split into batches, any crash point and
any interleaving of its input topics, restore-and-continue gives the same totals, windows and incidents as one
sequential run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, Self

import msgspec

from monitor_stream.events.spec import Specs

#: The role of a topic; its name on the broker is a setting.
Topic = Literal["predictions", "labels", "deltas", "windows", "drift", "incidents", "models", "deadletters"]

#: Persisted state: a flat map. A fold chooses its keys so that a commit writes what changed, not what is held.
State = Mapping[str, bytes]


class Batch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Records of one partition of one topic, in offset order, as columns.

    `timestamps` are those of the Kafka records, in Unix seconds. `ended` says that the topic was read to its end
    with this batch; a batch without records may say so too, and says it again every second or two. `poison` says, where it is not empty, why the records of the
    batch must not be looked into: they crashed the code that did. They are dead letters of that reason.
    """

    topic: Topic
    offsets: Sequence[int]
    timestamps: Sequence[float]
    values: Sequence[bytes | None]
    ended: bool = False
    poison: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record to publish; `headers` are pairs of name and value."""

    topic: Topic
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Outputs(msgspec.Struct, frozen=True):
    """What a fold has to say since it was last asked.

    `messages` are published, in order, once the commit that carries them is on disk. `results` are documents for
    readers, written beside the state in the same commit; `None` removes one.
    """

    messages: Sequence[Message] = ()
    results: Mapping[str, bytes | None] = {}


class Changes(msgspec.Struct, frozen=True):
    """State written since the last call: fields to put, and fields to delete."""

    puts: Mapping[str, bytes] = {}
    deletes: Sequence[str] = ()


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fold sits: its partition, of how many, and the epoch of the claim it works under."""

    partition: int
    partitions: int
    epoch: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds a fold, and the processing-time intervals that `tick` drives.

    Parameters
    ----------
    max_models
        Model versions a partition follows; events of further ones are dead letters of reason ``out_of_bounds``.
    max_pending
        Predictions that wait for a label in one partition; beyond it the oldest go, counted as ``evicted``.
    max_record_bytes
        A larger record is a dead letter.
    idle_timeout_seconds
        A source (or a topic) that was read to its end and silent for so long no longer holds the clock back.
    revision_interval_seconds
        The least time between two publications of one window, its settling apart.
    """

    max_models: int = 1000
    max_pending: int = 5_000_000
    max_record_bytes: int = 1 << 20
    idle_timeout_seconds: float = 60.0
    revision_interval_seconds: float = 30.0


class Fold(Protocol):
    """See the module's docstring; the calls come in any order, from one thread."""

    def apply(self, batch: Batch) -> None:
        """Take in records. Bad data never raises: it becomes a dead letter or a count."""
        ...

    def tick(self, now: float) -> None:
        """Tell the processing time (Unix seconds), for idle closing, expiry and publishing intervals."""
        ...

    def drain(self) -> Outputs:
        """What to publish since the last drain. Changes state (numbers, what is published): call `changes` after."""
        ...

    def changes(self) -> Changes:
        """State to write since the last call. Applied in order to an empty state they give what `restore` takes."""
        ...

    @classmethod
    def restore(cls, state: State, seat: Seat, specs: Specs, limits: Limits) -> Self:
        """The fold as it was at the commit that wrote `state`; an empty state is a new fold.

        `specs` is live: a spec that is added to it later counts from then on.
        """
        ...
