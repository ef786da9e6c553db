"""What is needed of Kafka: `Log` to read from, `Outlet` to publish to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from monitor_stream.events.fold import Message
from monitor_stream.stream.places import Place


class Log(Protocol):
    """Takes partitions up at an offset; every call concerns partitions assigned to this worker."""

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        ...

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:
        """The first offset there is, and the end."""
        ...

    async def seek_all(self, offsets: Mapping[Place, int]) -> None:
        """Read on from these offsets; returns when nothing from before can be fetched any more."""
        ...

    async def advise(self, offsets: Mapping[Place, int]) -> None:
        """Commit offsets to Kafka, for its own lag tools; failure is only logged."""
        ...


class Outlet(Protocol):
    """Where messages go."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return once Kafka has all of them, in order; an error ends the worker."""
        ...
