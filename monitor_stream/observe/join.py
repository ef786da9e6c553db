"""The rules of the join: what repeats an id, and which label belongs to which prediction.

They look at times and at the order of each topic alone (``docs/design/folds.md``), so they give the same pairs
however the topics were interleaved, cut into batches, or read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Floats
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.journal import State
from monitor_stream.observe.runs import Buffer, Matches, Query

Words = npt.NDArray[np.uint64]


def repeats(hashes: Words, positions: Floats, query: Query, held: Sequence[Buffer], window: float) -> Array:
    """Which events repeat the id of a first one: a first is no repeat itself, and is remembered for the window.

    `held` has the firsts that came before; the events are in the order of their topic.
    """
    repeat = np.zeros(len(hashes), bool)
    earliest = positions.min()
    for buffer in held:
        matches = buffer.find(query, lambda run: run.newest_position + window >= earliest)
        if len(matches):
            known = positions[matches.entry] <= matches.column("position") + window
            repeat[matches.entry[known]] = True
    _repeats_within(hashes, positions, query, window, repeat)
    return repeat


def _repeats_within(hashes: Words, positions: Floats, query: Query, window: float, repeat: Array) -> None:
    """Find repeats of events of the same batch; few, so one by one."""
    same = query.hashes[1:] == query.hashes[:-1]
    if not same.any():
        return
    several = np.concatenate((same, [False])) | np.concatenate(([False], same))
    firsts: dict[Any, list[float]] = {}
    for event in np.sort(query.order[several]).tolist():
        position, known = positions[event], firsts.setdefault(hashes[event], [])
        # Position times fall back by no more than the disorder, so only the latest firsts could still be met; one
        # id has more than one within a batch only where the batch spans more than the window.
        if repeat[event] or any(position <= first + window for first in known):
            repeat[event] = True
        else:
            known.append(position)


def labels_of(predictions: Columns, query: Query, labels: Buffer, horizon: float, window: float) -> Matches:
    """For each prediction at most one remembered label: the first of its topic that fits."""
    earliest = predictions["position"].min()
    matches = labels.find(query, lambda run: run.newest_position + window >= earliest)
    if not len(matches):
        return matches
    position = matches.column("position")
    entry = matches.entry
    fits = (position <= predictions["time"][entry] + horizon) & (
        predictions["position"][entry] <= position + window
    )
    matches = matches.select(fits.nonzero()[0])
    return matches.select(_first_of(matches.entry, matches.column("seq")))


def predictions_of(labels: Columns, query: Query, waiting: Buffer, horizon: float, window: float) -> Matches:
    """The waiting predictions that labels belong to, each once: with the first label that fits."""
    earliest = labels["position"].min()
    matches = waiting.find(query, lambda run: run.newest_time + horizon >= earliest)
    if not len(matches):
        return matches
    position = labels["position"][matches.entry]
    fits = (
        (matches.column("state") == State.OPEN)
        & (position <= matches.column("time") + horizon)
        & (matches.column("position") <= position + window)
    )
    matches = matches.select(fits.nonzero()[0])
    return matches.select(_first_of(matches.column("seq"), matches.entry))


def _first_of(keys: Array, rank: Array) -> Array:
    """For each key the place of its lowest rank."""
    order = np.lexsort((rank, keys))
    ordered = keys[order]
    first = np.ones(len(order), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return order[first]
