"""How a fetch is cut where one of its records may crash the fold, or the whole process.

A crash leaves nothing but what the store was told before: the attempt that was under way. So the first records after a
claim are told to the store before they are applied, and no longer once they were. Whoever claims next and finds an
attempt knows that its worker did not survive it, and applies these records one by one: the next attempt it leaves is a
single record. That record is tried so many times in all, and then set aside without being looked into.

Many records are first cut into `SEARCH_STEPS` parts: an attempt costs two calls of the store and all that the fold has
to tell, and four thousand of them would take longer than one crash more.

With so many attempts a stream is stopped by a record for 2 + `attempts` crashes: one that nobody was prepared for, one
that tells the fetch, then those of the record; and one more where the fetch is of more than `SEARCH_STEPS` records.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor_stream.events.fold import Topic
from monitor_stream.state.contract import Attempt

#: So many attempts, at most, find out where in an attempt that was not survived the guilty record lies.
SEARCH_STEPS: Final = 64


class Piece(msgspec.Struct, frozen=True):
    """The first `count` records of a fetch: what is to be told before they are applied, and whether they are poison."""

    count: int
    attempt: Attempt | None = None
    poison: bool = False


def first_piece(
    topic: Topic, offsets: Sequence[int], *, doubt: Attempt | None, fresh: bool, attempts: int
) -> Piece:
    """What of a fetch to apply next.

    Parameters
    ----------
    offsets
        Of the records not yet applied, ascending, at least one.
    doubt
        The attempt of this topic that no worker has survived so far.
    fresh
        Whether no commit of this topic was sent since the claim: a crash would leave no other trace.
    attempts
        How often one record may crash before it is set aside.

    Examples
    --------
    >>> doubt = Attempt(topic="labels", first=4, end=8, number=1)
    >>> first_piece("labels", [4, 5, 6, 7, 8], doubt=doubt, fresh=True, attempts=3)
    Piece(count=1, attempt=Attempt(topic='labels', first=4, end=5, number=1), poison=False)
    """

    def piece(count: int, number: int = 1, *, poison: bool = False) -> Piece:
        told = Attempt(topic=topic, first=offsets[0], end=offsets[count - 1] + 1, number=number)
        return Piece(count, told, poison)

    if doubt is None or offsets[0] >= doubt.end:
        return piece(len(offsets)) if fresh else Piece(len(offsets))
    if offsets[0] < doubt.first:  # the store lost its last second
        return piece(bisect_left(offsets, doubt.first))
    if doubt.end - doubt.first > 1:
        step = -(-(doubt.end - doubt.first) // SEARCH_STEPS)
        return piece(min(step, bisect_left(offsets, doubt.end)))
    return piece(1, doubt.number + 1, poison=doubt.number >= attempts)
