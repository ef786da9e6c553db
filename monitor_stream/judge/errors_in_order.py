"""Errors, brought into the order in which detectors see them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Scored
from monitor_stream.judge.persist import Journal, pack, unpack

#: Errors held for one version; beyond it the older half is let go before its time.
MAX_HELD: Final = 2_000_000

_NONE: Final[Floats] = np.zeros(0)


class HeldChunk(msgspec.Struct, frozen=True, array_like=True):
    """One delta's errors as bytes, sorted."""

    errors: Scored


class ErrorsInOrder:
    """Holds errors until the clock has passed them, and lets them go sorted by (order time, error).

    What a delta brought is kept as it came, sorted, in one field of the state that is written once. `released` says
    up to which order time errors are gone: the head of a chunk below it is of the past.

    >>> held = ErrorsInOrder(lambda at: f"held {at}", Journal({}))
    >>> held.add(np.array([7.0, 3.0]), np.array([0.5, 1.0]))
    >>> held.add(np.array([5.0]), np.array([0.0]))
    >>> [part.tolist() for part in held.release(6.0)]
    [[3.0, 5.0], [1.0, 0.0]]
    """

    def __init__(self, field: Callable[[int], str], journal: Journal, released: float = -math.inf) -> None:
        self._field = field
        self._journal = journal
        self._chunks: dict[int, tuple[Floats, Floats]] = {}
        self._next = 0
        self._held = 0
        self.released = released

    def restore(self, chunks: Mapping[int, bytes]) -> None:
        """Take back what the store held."""
        for at, data in sorted(chunks.items()):
            order, error = unpack(HeldChunk, data).errors.unpack()
            first = int(np.searchsorted(order, self.released))
            self._chunks[at] = order[first:], error[first:]
            self._held += len(order) - first
            self._next = at + 1

    def add(self, order: Floats, error: Floats) -> None:
        """Hold the errors of one delta."""
        if not order.size:
            return
        sort = np.lexsort((error, order))
        at, chunk = self._next, (order[sort], error[sort])
        self._chunks[at] = chunk
        self._next += 1
        self._held += len(order)
        self._journal.put(self._field(at), lambda: pack(HeldChunk(Scored.pack(*chunk))))

    def release(self, clock: float) -> tuple[Floats, Floats]:
        """Order times and errors below the clock, and those that came too late to be put in their place."""
        self.released = max(self.released, clock)
        if self._held > MAX_HELD:
            self.released = max(self.released, self._middle())
        parts = [part for at in list(self._chunks) if (part := self._head(at)) is not None]
        if not parts:
            return _NONE, _NONE
        if len(parts) == 1:
            return parts[0]
        order, error = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        sort = np.lexsort((error, order))
        return order[sort], error[sort]

    def _head(self, at: int) -> tuple[Floats, Floats] | None:
        order, error = self._chunks[at]
        end = int(np.searchsorted(order, self.released))
        if not end:
            return None
        if end == len(order):
            del self._chunks[at]
            self._journal.delete(self._field(at))
        else:
            self._chunks[at] = order[end:], error[end:]
        self._held -= end
        return order[:end], error[:end]

    def _middle(self) -> float:
        middle = np.median(np.concatenate([order for order, _ in self._chunks.values()]))
        return float(np.nextafter(middle, np.inf))
