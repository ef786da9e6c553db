"""Errors, brought into the order in which detectors see them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats, Ints, Scored
from monitor_stream.judge.persist import Journal, pack, unpack

#: Errors held for one version; beyond it the older half is let go before its time.
MAX_HELD: Final = 2_000_000


class Pairs(NamedTuple):
    """Scored pairs as columns, 1-D and of one length: order time, error, and the error that was foretold (NaN: none was)."""

    order: Floats
    error: Floats
    foretold: Floats

    def ordered(self) -> Pairs:
        """Sorted by order time, ties by error, then by what was foretold."""
        return self.at(np.lexsort((self.foretold, self.error, self.order)))

    def at(self, rows: slice | Ints | npt.NDArray[np.bool_]) -> Pairs:
        """Some of them."""
        return Pairs(*(column[rows] for column in self))


_NONE: Final = Pairs(np.zeros(0), np.zeros(0), np.zeros(0))


class HeldChunk(msgspec.Struct, frozen=True, array_like=True):
    """One delta's errors as bytes, sorted."""

    errors: Scored


class ErrorsInOrder:
    """Holds errors until the clock has passed them, and lets them go sorted by (order time, error, foretold error).

    What a delta brought is kept as it came, sorted, in one field of the state that is written once. `released` says
    up to which order time errors are gone: the head of a chunk below it is of the past.

    >>> held = ErrorsInOrder(lambda at: f"held {at}", Journal({}))
    >>> held.add(np.array([7.0, 3.0]), np.array([0.5, 1.0]))
    >>> held.add(np.array([5.0]), np.array([0.0]))
    >>> [column.tolist() for column in held.release(6.0)]
    [[3.0, 5.0], [1.0, 0.0], [nan, nan]]
    """

    def __init__(self, field: Callable[[int], str], journal: Journal, released: float = -math.inf) -> None:
        self._field = field
        self._journal = journal
        self._chunks: dict[int, Pairs] = {}
        self._next = 0
        self._held = 0
        self.released = released

    def restore(self, chunks: Mapping[int, bytes]) -> None:
        """Take back what the store held."""
        for at, data in sorted(chunks.items()):
            scored = unpack(HeldChunk, data).errors
            held = Pairs(*scored.unpack(), scored.foretold())
            held = held.at(slice(int(np.searchsorted(held.order, self.released)), None))
            self._chunks[at] = held
            self._held += len(held.order)
            self._next = at + 1

    def add(self, order: Floats, error: Floats, foretold: Floats | None = None) -> None:
        """Hold the errors of one delta."""
        if not order.size:
            return
        pairs = Pairs(order, error, np.full(len(order), np.nan) if foretold is None else foretold)
        at, chunk = self._next, pairs.ordered()
        self._chunks[at] = chunk
        self._next += 1
        self._held += len(order)
        self._journal.put(self._field(at), lambda: pack(HeldChunk(_packed(chunk))))

    def release(self, clock: float) -> Pairs:
        """The pairs below the clock, and those that came too late to be put in their place."""
        self.released = max(self.released, clock)
        if self._held > MAX_HELD:
            self.released = max(self.released, self._middle())
        parts = [part for at in list(self._chunks) if (part := self._head(at)) is not None]
        if len(parts) < 2:
            return parts[0] if parts else _NONE
        return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True))).ordered()

    def _head(self, at: int) -> Pairs | None:
        chunk = self._chunks[at]
        end = int(np.searchsorted(chunk.order, self.released))
        if not end:
            return None
        if end == len(chunk.order):
            del self._chunks[at]
            self._journal.delete(self._field(at))
        else:
            self._chunks[at] = chunk.at(slice(end, None))
        self._held -= end
        return chunk.at(slice(0, end))

    def _middle(self) -> float:
        middle = np.median(np.concatenate([chunk.order for chunk in self._chunks.values()]))
        return float(np.nextafter(middle, np.inf))


def _packed(pairs: Pairs) -> Scored:
    """As bytes; nothing is written for what nobody foretold."""
    nothing = bool(np.isnan(pairs.foretold).all())
    return Scored.pack(pairs.order, pairs.error, None if nothing else pairs.foretold)
