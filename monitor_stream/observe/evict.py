"""The bound on what one partition holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from monitor_stream.observe.journal import State
from monitor_stream.observe.model import Model
from monitor_stream.observe.runs import Buffer

#: A full buffer is brought down by this share at once: to look for the oldest costs as much for many as for one.
SHARE = 100


def make_room(models: Iterable[Model], limit: int) -> None:
    """Hold no more than `limit` predictions, and no more than `limit` labels.

    First what is only remembered for its repeats goes, then what waits; each time from whoever holds most, the
    oldest first, so that one loud model does not push out the quiet ones.
    """
    models = list(models)
    waiting = {id(era.waiting): era for m in models for v in m.versions.values() for era in v.eras.values()}
    held = [era.waiting for era in waiting.values()]
    if sum(buffer.held for buffer in held) > limit:
        for buffer, count in _evict(held, limit):
            waiting[id(buffer)].count("evicted", count)
    labels = {id(model.labels): model for model in models}
    held = [model.labels for model in models]
    if sum(buffer.held for buffer in held) > limit:
        for buffer, count in _evict(held, limit):
            labels[id(buffer)].count("evicted", count)


def _evict(buffers: Collection[Buffer], limit: int) -> Iterable[tuple[Buffer, int]]:
    """Each buffer that lost open rows, and how many."""
    excess = sum(buffer.held for buffer in buffers) - (limit - limit // SHARE)
    for state in (State.TAKEN, State.OPEN):
        for buffer in sorted(buffers, key=lambda b: b.held, reverse=True):
            if excess <= 0:
                return
            gone = buffer.evict(excess, state)
            excess -= gone
            if state == State.OPEN and gone:
                yield buffer, gone
    for buffer in buffers:
        buffer.tidy()
