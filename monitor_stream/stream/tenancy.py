"""One (fold, partition) held in memory: from the claim that loaded it to the commit that was refused, or the revoke."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor_stream.events.fold import Batch, Changes, Fold, Message, Topic
from monitor_stream.state.contract import Claim, Commit, Holding
from monitor_stream.stream.batches import count_below, cut
from monitor_stream.stream.pieces import Piece, first_piece


class Missed(msgspec.Struct, frozen=True):
    """Records from offset `first` up to `end` that retention removed before they were read."""

    topic: Topic
    first: int
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
        #: What the worker before did not survive, until it is passed.
        self._doubt = holding.attempt
        #: Topics of which no commit was sent since the claim.
        self._fresh: set[str] = set(roles)
        #: Whether records were applied of which the fold has not told the changes.
        self.untold = False
        self._stored = frozenset(holding.offsets)
        self._missed: list[Missed] = []
        self._missed_told: list[Missed] = []  # those that the next commit passes over
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
        self._under_way = False
        self._covered = 0

    def is_stored(self, topic: Topic) -> bool:
        """Whether the store knew where in this topic to go on."""
        return topic in self._stored

    def miss(self, topic: Topic, first: int) -> None:
        """Learn that the topic begins at `first`: what lies before it and was not applied never will be."""
        if first > self.offsets[topic]:
            self._missed.append(Missed(topic, self.offsets[topic], first))
            self.offsets[topic] = first

    def gap(self, batch: Batch) -> int:
        """How many offsets lie between what was applied and this batch."""
        return batch.offsets[0] - self.offsets[batch.topic] if batch.offsets else 0

    def apply(self, batch: Batch, position: int) -> tuple[int, int]:
        """Feed the fold what it has not seen, and go on from `position`. Returns how many records it took, and how many it had already.

        Raises whatever the fold raises; its memory is worth nothing from then on.
        """
        following = self.offsets[batch.topic]
        known = count_below(batch.offsets, following)
        if known:
            batch = cut(batch, known, len(batch.offsets))
        self.untold = self.untold or bool(batch.offsets)
        if batch.offsets or batch.ended:
            self.fold.apply(batch)
        self.offsets[batch.topic] = max(following, position)
        self.uncommitted += sum(map(len, filter(None, batch.values)))
        return len(batch.offsets), known

    def is_careful(self, topic: Topic) -> bool:
        """Whether the next records of a topic may have crashed a worker, or may do so for the first time unseen."""
        return topic in self._fresh or (self._doubt is not None and self._doubt.topic == topic)

    def next_piece(self, batch: Batch, attempts: int) -> Piece:
        """What of a batch to apply next, where that calls for care; see `first_piece`."""
        topic, offsets = batch.topic, batch.offsets
        if known := count_below(offsets, self.offsets[topic]):
            return Piece(known)
        doubt = self._doubt if self._doubt is not None and self._doubt.topic == topic else None
        if doubt is not None and offsets[0] >= doubt.end:
            doubt = self._doubt = None
        return first_piece(topic, offsets, doubt=doubt, fresh=topic in self._fresh, attempts=attempts)

    def prepare(self, now: float) -> Commit | None:
        """The next commit, to be written now, or None when there is nothing to write.

        The same one is returned until `committed` is called. Raises whatever the fold raises.
        """
        if not self._under_way:
            self.tell(now)
            if self._next is not None:
                self._under_way = True
                self._fresh -= {
                    role for role, at in self._last.offsets.items() if self._next.offsets[role] != at
                }
        return self._next

    def tell(self, now: float) -> None:
        """Have the fold tell its changes, and add them to the next commit. Raises whatever the fold raises."""
        if self._under_way:  # it may be in the store already
            raise RuntimeError("a commit is being written")
        self.fold.tick(now)
        outputs = self.fold.drain()
        changes = self.fold.changes()
        messages = [
            (number, message) for number, message in enumerate(outputs.messages, start=self._numbered + 1)
        ]
        self.untold = False
        changed = changes.puts or changes.deletes or outputs.results or messages
        before = self._next or self._last
        if not changed and self._places() == before.offsets and self._published == before.published:
            return
        self._numbered += len(messages)
        told = Commit(
            number=self._last.number + 1,
            offsets=self._places(),
            changes=changes,
            results=outputs.results,
            outbox=messages,
            published=self._published,
            partitions=self._partitions,
        )
        self._next = told if self._next is None else _joined(self._next, told)
        self._covered = self.uncommitted
        self._missed_told += self._missed
        self._missed = []

    def committed(self) -> Sequence[Missed]:
        """The commit last prepared is written and on disk. Returns what is missed for good: no heir can find it again."""
        if self._next is None:
            raise RuntimeError("no commit was prepared")
        self._last, self._next = self._next, None
        self._under_way = False
        self._outbox.extend(self._last.outbox)
        self.uncommitted -= self._covered
        missed, self._missed_told = self._missed_told, []
        return missed

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


def _joined(first: Commit, then: Commit) -> Commit:
    """One commit that does what two do, one after the other."""
    puts = {**first.changes.puts, **then.changes.puts}
    for name in then.changes.deletes:
        puts.pop(name, None)
    deletes = [name for name in first.changes.deletes if name not in then.changes.puts]
    return msgspec.structs.replace(
        then,
        changes=Changes(puts, [*deletes, *then.changes.deletes]),
        results={**first.results, **then.results},
        outbox=[*first.outbox, *then.outbox],
    )
