"""Errors reach the detectors sorted, whatever came in which order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json
from monitor_stream.events.results import ModelResults
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge import errors_in_order
from monitor_stream.judge.errors_in_order import ErrorsInOrder
from monitor_stream.judge.persist import Journal
from tests.judge.deltas import Source, batch, judge, part

SPEC = ModelSpec(model="m", version="1", task="binary")
T = 1_362_096_000


def field(at: int) -> str:
    return str(at)


PAIR = st.tuples(st.integers(0, 10), st.integers(0, 3), st.integers(0, 2))
STEPS = st.lists(st.tuples(st.integers(0, 5), st.lists(PAIR, max_size=8)), max_size=8)


@given(STEPS, st.data())
def test_errors_come_out_sorted_and_once(
    steps: list[tuple[int, list[tuple[int, int, int]]]], data: st.DataObject
) -> None:
    """Each step moves the clock and brings errors at or above it, and what was foretold of them; a restart may follow any commit."""
    state: dict[str, bytes] = {}
    held, clock, sent, got = ErrorsInOrder(field, Journal(state)), 0, [], []
    journal = held._journal
    for pace, errors in steps:
        pairs = [(float(clock + ahead), float(error), foretold / 2) for ahead, error, foretold in errors]
        sent += pairs
        held.add(*np.array(pairs).reshape(-1, 3).T)
        clock += pace
        got += list(zip(*(column.tolist() for column in held.release(clock)), strict=True))
        assert all(order < clock for order, _, _ in got)
        if data.draw(st.booleans()):
            changes = journal.take()
            state |= changes.puts
            for name in changes.deletes:
                del state[name]
            journal = Journal(state)
            held = ErrorsInOrder(field, journal, held.released)
            held.restore({int(name): blob for name, blob in state.items() if name != "schema"})
    got += list(zip(*(column.tolist() for column in held.release(np.inf)), strict=True))
    assert got == sorted(sent)


def test_errors_that_come_too_late_are_fed_when_they_come() -> None:
    """They cannot be put in their place any more, and are not lost."""
    held = ErrorsInOrder(field, Journal({}))
    held.release(10.0)
    held.add(np.array([12.0, 5.0]), np.array([1.0, 0.0]))
    assert [part.tolist() for part in held.release(10.0)[:2]] == [[5.0], [0.0]]


def test_what_nobody_foretold_is_nan_after_a_restart() -> None:
    """Pairs of a model without an estimator cost no bytes, and come back as they went."""
    journal = Journal({})
    ErrorsInOrder(field, journal).add(np.array([2.0, 1.0]), np.array([0.0, 1.0]))
    heir = ErrorsInOrder(field, Journal({}))
    heir.restore({0: journal.take().puts["0"]})
    assert str([column.tolist() for column in heir.release(np.inf)]) == "[[1.0, 2.0], [1.0, 0.0], [nan, nan]]"


def test_beyond_the_bound_the_older_half_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still cannot fill the memory, not even with errors of one moment."""
    monkeypatch.setattr(errors_in_order, "MAX_HELD", 4)
    held = ErrorsInOrder(field, Journal({}))
    held.add(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.zeros(5))
    assert held.release(0.0)[0].tolist() == [1.0, 2.0, 3.0]
    held.add(np.full(5, 9.0), np.zeros(5))
    assert held.release(0.0)[0].tolist() == [4.0, 5.0, *[9.0] * 5]


def test_errors_are_fed_once_when_another_source_moved_the_clock() -> None:
    """A chunk that was let go in part is not fed again after a restart."""
    first, second = Source(0, 2), Source(1, 2)
    errors = [(float(T + at), 1.0) for at in range(10)]
    fold = judge(SPEC)
    fold.apply(batch(first.delta({"1": part(SPEC, errors=errors)}, T + 90.0)))
    state = dict(fold.changes().puts)
    fold.apply(batch(second.delta({}, T + 5.0)))
    heir = judge(SPEC, state={**state, **fold.changes().puts})
    heir.finish()
    document = heir.drain().results["model:m"]
    assert document is not None
    assert decode_json(ModelResults, document).versions["1"].errors_seen == 10
