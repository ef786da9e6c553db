"""The promise of the fold: the same totals for any interleaving, any split into batches, and any crash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_stream.events.fold import Topic
from monitor_stream.observe import examples, paired, sampling, smallest
from tests.observe.reference import Expected, expected
from tests.observe.streams import Reader, Totals, crowded, encoded, flush, rounded, topics

Sampled = dict[tuple[str, str, int], list[tuple[int, Any]]]

#: Rows of a sample here: so few that there are more.
ROWS = 3

#: Which topic to read on, how many records of it, and what to do then.
STEPS = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(1, 7),
        st.sampled_from(["", "", "commit", "write", "crash", "drain"]),
    ),
    max_size=40,
)


def read(both: tuple[list[Any], list[Any]], steps: list[tuple[bool, int, str]]) -> Totals:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "SAMPLE_ROWS", ROWS)
        patch.setattr(paired, "PAIRED_ROWS", ROWS)
        patch.setattr(examples, "EXAMPLES", ROWS)
        patch.setattr(smallest, "MAX_SPANS", 2)
        return _read(both, steps)


def _read(both: tuple[list[Any], list[Any]], steps: list[tuple[bool, int, str]]) -> Totals:
    reader = Reader()
    queues: dict[Topic, list[Any]] = {
        "predictions": [encoded(event) for event in flush(both[0], "predictions")],
        "labels": [encoded(event) for event in flush(both[1], "labels")],
    }
    at: dict[Topic, int] = {"predictions": 0, "labels": 0}
    for first, count, action in [*steps, (True, 999, ""), (False, 999, "commit")]:
        topic: Topic = "predictions" if first else "labels"
        values = queues[topic][at[topic] : at[topic] + count]
        if values:
            reader.apply(topic, at[topic], values)
            at[topic] += len(values)
        if action == "crash":
            reader.crash()
        elif action == "drain":  # and lose what was drained: nothing that was not committed may count
            reader.fold.drain()
            reader.crash()
        elif action:
            reader.commit(drain=action == "commit")
    return Totals(reader.messages)


def compare(totals: Totals, wanted: Expected) -> None:
    assert +totals.outcomes == +wanted.outcomes
    assert totals.tables.keys() == wanted.tables.keys()
    for key, row in wanted.tables.items():
        np.testing.assert_allclose(totals.tables[key], row, rtol=1e-9, atol=1e-9, err_msg=str(key))
    assert rounded(totals.errors) == rounded(wanted.errors)
    assert first_rows(totals.sampled) == first_rows(wanted.sampled)
    assert first_rows(totals.paired) == first_rows(wanted.paired)
    assert furthest(totals.examples) == furthest(wanted.examples)


def furthest(examples: dict[tuple[str, str, int], list[Any]]) -> dict[tuple[str, str, int], list[Any]]:
    """Of each day those that may be kept."""
    return {day: sorted(some, key=lambda example: example[:4])[:ROWS] for day, some in examples.items()}


def first_rows(sampled: Sampled) -> dict[tuple[str, str, int], list[tuple[int, Any]]]:
    """Of each span the rows of the smallest hashes; of one hash, the first by its values."""
    merged = {}
    for span, rows in sampled.items():
        by_hash: dict[int, Any] = {}
        for number, row in sorted(rows, key=lambda pair: str(pair[1])):
            by_hash.setdefault(number, row)
        merged[span] = sorted(by_hash.items())[:ROWS]
    return merged


@settings(
    max_examples=100,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(both=topics(), steps=STEPS)
def test_totals_do_not_depend_on_how_the_topics_were_read(both: Any, steps: Any) -> None:
    """Tables, outcomes and errors are those of the rules applied to each topic as a whole."""
    check(both, steps)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), steps=STEPS)
def test_nothing_is_dropped_a_moment_too_early(seed: int, steps: Any) -> None:
    """The same for long topics in which ids come again and again, at the very limits of horizon and window."""
    check(crowded(seed), [step for step in steps for _ in range(3)])


def check(both: tuple[list[Any], list[Any]], steps: list[tuple[bool, int, str]]) -> None:
    totals = read(both, steps)
    dicts = [[event if isinstance(event, dict) else None for event in topic] for topic in both]
    predictions = flush(dicts[0], "predictions")
    labels = flush(dicts[1], "labels")
    compare(totals, expected(predictions, labels, Reader().specs))
    assert totals.dead.total() == sum(event is None for event in [*predictions, *labels])
