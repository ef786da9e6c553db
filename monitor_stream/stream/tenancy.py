"""One (fold, partition) held in memory: from the claim that loaded it to the commit that was refused, or the revoke."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor_stream.events.fold import Batch, Changes, Fold, Message, Topic
from monitor_stream.state.contract import Claim, Commit, Holding


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """What one fetch brought of one partition, stamped with the tenancy that was in force when it was fetched.

    `position` is the offset to read next: behind the last record, and behind marks of transactions that follow it.
    `end` is the end of the partition, as the broker told it with this fetch.
    """

    tenancy: Tenancy
    batch: Batch
    position: int
    end: int


class Tenancy:
    """The fold with its claim, its place in each topic, and the messages not yet known to be published.

    A commit is prepared in one step and then written; meanwhile the fold may go on. What was prepared stays the next
    commit until it is written or refused, so that asking again is harmless.
    """

    def __init__(self, holding: Holding, fold: Fold, roles: Sequence[Topic], partitions: int) -> None:
        self._partitions = partitions
        self.claim: Final[Claim] = holding.claim
        self.fold: Final = fold
        #: Topic role → the next offset to apply.
        self.offsets: Final[dict[Topic, int]] = {role: holding.offsets.get(role, 0) for role in roles}
        #: One commit at a time, whoever asks: the clock, a revoke, the end.
        self.lock: Final = asyncio.Lock()
        #: Bytes of records applied since the last commit that is known to be written.
        self.uncommitted = 0
        self._outbox: deque[tuple[int, Message]] = deque(holding.outbox)
        self._published = holding.published
        self._numbered = self._outbox[-1][0] if self._outbox else self._published
        self._last = Commit(
            number=holding.commit,
            offsets=self._places(),
            changes=Changes(),
            results={},
            outbox=(),
            published=self._published,
        )
        self._next: Commit | None = None
        self._covered = 0

    def gap(self, batch: Batch) -> int:
        """How many offsets lie between what was applied and this batch."""
        return batch.offsets[0] - self.offsets[batch.topic] if batch.offsets else 0

    def apply(self, batch: Batch, position: int) -> tuple[int, int]:
        """Feed the fold what it has not seen, and go on from `position`. Returns how many records it took, and how many it had already.

        Raises whatever the fold raises; its memory is worth nothing from then on.
        """
        following = self.offsets[batch.topic]
        known = _count_below(batch.offsets, following)
        if known:
            batch = msgspec.structs.replace(
                batch,
                offsets=batch.offsets[known:],
                timestamps=batch.timestamps[known:],
                values=batch.values[known:],
            )
        if batch.offsets or batch.ended:
            self.fold.apply(batch)
        self.offsets[batch.topic] = max(following, position)
        self.uncommitted += sum(map(len, filter(None, batch.values)))
        return len(batch.offsets), known

    def prepare(self, now: float) -> Commit | None:
        """The next commit, or None when there is nothing to write.

        The same one is returned until `committed` is called.
        """
        if self._next is not None:
            return self._next
        self.fold.tick(now)
        outputs = self.fold.drain()
        changes = self.fold.changes()
        messages = [
            (number, message) for number, message in enumerate(outputs.messages, start=self._numbered + 1)
        ]
        changed = changes.puts or changes.deletes or outputs.results or messages
        if not changed and self._places() == self._last.offsets and self._published == self._last.published:
            return None
        self._numbered += len(messages)
        self._next = Commit(
            number=self._last.number + 1,
            offsets=self._places(),
            changes=changes,
            results=outputs.results,
            outbox=messages,
            published=self._published,
            partitions=self._partitions,
        )
        self._covered = self.uncommitted
        return self._next

    def committed(self) -> Commit:
        """The commit last prepared is written and on disk."""
        if self._next is None:
            raise RuntimeError("no commit was prepared")
        self._last, self._next = self._next, None
        self._outbox.extend(self._last.outbox)
        self.uncommitted -= self._covered
        return self._last

    def _places(self) -> dict[str, int]:
        return {str(role): offset for role, offset in self.offsets.items()}

    @property
    def unpublished(self) -> Sequence[Message]:
        """Committed, and not known to be on Kafka; oldest first."""
        return [message for _, message in self._outbox]

    def published(self, count: int) -> None:
        """The oldest `count` of `unpublished` are on Kafka; the next commit forgets them."""
        for _ in range(count):
            self._published, _message = self._outbox.popleft()


def _count_below(offsets: Sequence[int], offset: int) -> int:
    """How many of the ascending offsets lie below one.

    >>> _count_below([3, 4, 7], 5)
    2
    """
    if not offsets or offsets[0] >= offset:
        return 0
    return sum(1 for each in offsets if each < offset)
