"""What one fetch brought, on its way to the fold that it was fetched for."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor_stream.events.fold import Batch
from monitor_stream.stream.batches import cut
from monitor_stream.stream.tenancy import Tenancy

#: How long a word of the broker holds that a partition is read to its end; it speaks each 1.5 s or more often.
FRESH_SECONDS: Final = 5.0


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """What one fetch brought of one partition, stamped with the tenancy that was in force when it was fetched.

    `position` is the offset to read next: behind the last record, and behind marks of transactions that follow it.
    `end` is the end of the partition, as the broker told it with this fetch, and `told` when it did, in Unix seconds.
    """

    tenancy: Tenancy
    batch: Batch
    position: int
    end: int
    told: float

    def aged(self, now: float) -> Fetch:
        """The fetch as it is to be applied now: what the broker told of the end some time ago is worth nothing.

        A fetch may have waited long, for the store or for the machine, and who knows what has come since.
        """
        if self.batch.ended and now - self.told > FRESH_SECONDS:
            return msgspec.structs.replace(self, batch=msgspec.structs.replace(self.batch, ended=False))
        return self

    def part(self, count: int) -> tuple[Fetch, Fetch | None]:
        """The first `count` records, and the rest, if there is one."""
        batch = self.batch
        if count == len(batch.offsets):
            return self, None
        first = msgspec.structs.replace(cut(batch, 0, count), ended=False)
        rest = cut(batch, count, len(batch.offsets))
        return (
            msgspec.structs.replace(self, batch=first, position=first.offsets[-1] + 1),
            msgspec.structs.replace(self, batch=rest),
        )
