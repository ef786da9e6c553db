"""A limit on everything that grows, and a commit that costs what changed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.fold import Batch, Changes, Limits, Seat, Topic
from monitor_stream.events.spec import OTHER, Feature, ModelSpec, Specs
from monitor_stream.observe import Observe, UnknownSchemaError
from tests.observe.streams import Totals

NOW = 1_700_000_000.0
SPEC = ModelSpec(model="m", task="regression", segments=["a", "b", "c"], window_seconds=3600.0)


def new(
    spec: ModelSpec = SPEC, limits: Limits | None = None, state: dict[str, bytes] | None = None
) -> Observe:
    return Observe.restore(
        state or {}, Seat(partition=0, partitions=1, epoch=1), Specs([spec]), limits or Limits()
    )


def send(fold: Observe, topic: Topic, events: list[dict[str, Any]]) -> None:
    values = [json.dumps({"model": "m"} | event).encode() for event in events]
    fold.apply(
        Batch(topic=topic, offsets=range(len(values)), timestamps=[NOW + 1e6] * len(values), values=values)
    )


def predictions(first: int, last: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"prediction_id": str(n), "prediction": 1.0, "timestamp": NOW + n * 0.01} | more
        for n in range(first, last)
    ]


def labels(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {"prediction_id": str(n), "label": 2.0, "timestamp": NOW + 60.0 + n * 0.01}
        for n in range(first, last)
    ]


def waiting(fold: Observe) -> Any:
    (version,) = fold._registry.models["m"].versions.values()
    (era,) = version.eras.values()
    return era.waiting


def size(changes: Changes) -> int:
    return sum(map(len, changes.puts.values()))


def test_segment_values_are_bounded() -> None:
    """With 100,000 values of a segment, 50 keep their name, and the rest are counted together."""
    fold = new()
    for first in range(0, 100_000, 10_000):
        events = [
            {"prediction": 1.0, "timestamp": NOW, "segments": {"a": f"{n}-" + "x" * 200}}
            for n in range(first, first + 10_000)
        ]
        send(fold, "predictions", events)
    totals = Totals(list(fold.drain().messages))
    rows = {
        key[4]: row[0]
        for key, row in totals.tables.items()
        if key[2] == "traffic" and key[4].startswith("a=")
    }
    assert len(rows) == 51
    assert rows[f"a={OTHER}"] == 100_000 - 50
    assert max(map(len, rows)) <= 102


def test_a_waiting_prediction_takes_less_than_a_hundred_bytes() -> None:
    """Columns and the account of what is written, with three segments and a commit in between."""
    fold = new()
    for first in range(0, 50_000, 5_000):
        send(fold, "predictions", predictions(first, first + 5_000, segments={"a": "x", "b": "y", "c": "z"}))
        fold.drain()
        fold.changes()
    assert waiting(fold).open == 50_000
    assert waiting(fold).nbytes / 50_000 <= 70


def test_a_commit_costs_what_changed_not_what_is_held() -> None:
    """Five hundred predictions more, or twenty labels, write the same few bytes beside 100 or 100,000 that wait."""
    sizes = []
    for held in (1_000, 100_000):
        fold = new()
        send(fold, "predictions", predictions(0, held))
        fold.drain()
        assert size(fold.changes()) > 40 * held
        send(fold, "predictions", predictions(held, held + 500))
        fold.drain()
        more = size(fold.changes())
        send(fold, "labels", labels(0, 20))
        fold.drain()
        sizes.append((more, size(fold.changes())))
        assert not fold.changes().puts
        assert not fold.changes().deletes
    assert sizes[1][0] < 60_000
    assert sizes[1][1] < 6_000


def test_what_was_joined_and_forgotten_leaves_the_store() -> None:
    """When all is labelled and the duplicate window has passed, no field of the buffer is left."""
    fold = new()
    state: dict[str, bytes] = {}

    def commit() -> None:
        fold.drain()
        changes = fold.changes()
        for key in changes.deletes:
            state.pop(key, None)
        state.update(changes.puts)

    for first in range(0, 30_000, 3_000):
        send(fold, "predictions", predictions(first, first + 3_000))
        commit()
    many = len(state)
    assert many < 20
    for first in range(0, 30_000, 1_000):
        send(fold, "labels", labels(first, first + 1_000))
        commit()
    again = new(state=state)
    assert waiting(again).open == 0
    assert waiting(again).held == 30_000
    send(fold, "predictions", [{"prediction": 1.0, "timestamp": NOW + 1e5}])
    send(fold, "labels", [{"prediction_id": "last", "label": 1.0, "timestamp": NOW + 1e5}])
    commit()
    assert not [key for key in state if key.startswith("waiting/")]
    assert len([key for key in state if key.startswith("labels/")]) == 1


def test_the_oldest_go_when_the_buffer_is_full() -> None:
    """Beyond `max_pending` the oldest are evicted and counted; those that stay are joined."""
    fold = new(limits=Limits(max_pending=1_000))
    for first in range(0, 3_000, 500):
        send(fold, "predictions", predictions(first, first + 500))
    assert waiting(fold).held <= 1_000
    send(fold, "labels", labels(2_500, 3_000))
    totals = Totals(list(fold.drain().messages))
    assert totals.outcomes["m", "0", "evicted"] == pytest.approx(2_000, abs=20)
    assert totals.outcomes["m", "0", "joined"] == 500
    send(fold, "labels", [{"prediction_id": f"x{n}", "label": 1.0, "timestamp": NOW} for n in range(2_000)])
    totals = Totals(list(fold.drain().messages)[1:])
    assert fold._registry.models["m"].labels.held <= 1_000


def test_a_large_drain_is_cut_into_deltas_that_fit_the_topic() -> None:
    """Many windows and groups become several deltas; only the last one tells the new clock."""
    spec = msgspec.structs.replace(SPEC, window_seconds=10.0, horizon_seconds=1e6)
    fold = new(spec)
    events = [
        event | {"timestamp": NOW + n * 10.0}
        for n, event in enumerate(predictions(0, 5_000, segments={"a": "x"}))
    ]
    send(fold, "predictions", events)
    send(fold, "labels", [event | {"timestamp": NOW + 1e5} for event in labels(0, 5_000)])
    messages = list(fold.drain().messages)
    assert len(messages) > 3
    assert max(len(message.value) for message in messages) < 800_000
    deltas = [decode_delta(message.value) for message in messages]
    assert {delta.clock for delta in deltas[:-1]} == {0.0}
    assert deltas[-1].clock == NOW + 49_990.0 - 60.0
    totals = Totals(messages)
    assert len(totals.errors) == 5_000
    assert sum(row[0] for key, row in totals.tables.items() if key[2:5:2] == ("traffic", "")) == 5_000


def test_state_of_another_schema_is_refused() -> None:
    """One sentence says what was found and what to do."""
    fold = new()
    send(fold, "predictions", predictions(0, 1))
    state = dict(fold.changes().puts) | {"schema": b"99"}
    with pytest.raises(UnknownSchemaError, match="has schema b'99'"):
        new(state=state)


def test_a_new_spec_begins_a_new_era() -> None:
    """What was predicted under the old spec is still joined, and told apart by its digest."""
    old = ModelSpec(model="m", task="regression", segments=["a"])
    specs = Specs([old])
    seat = Seat(partition=0, partitions=1, epoch=1)
    fold = Observe.restore({}, seat, specs, Limits())
    send(fold, "predictions", predictions(0, 3, segments={"a": "x"}))
    fold.drain()
    fresh = ModelSpec(model="m", task="binary", positive="1", features=[Feature(name="f", kind="numeric")])
    specs.add(fresh)
    send(fold, "predictions", predictions(2, 5, features={"f": 1}, timestamp=NOW + 400.0))  # a later window
    fold = Observe.restore(dict(fold.changes().puts), seat, specs, Limits())
    send(fold, "labels", [{"prediction_id": str(n), "label": 1.0, "timestamp": NOW + 60.0} for n in range(5)])
    rows: dict[str, list[Any]] = {}
    for message in fold.drain().messages:
        for part in decode_delta(message.value).versions.values():
            if "performance" in part.tables:
                _, groups, sums = part.tables["performance"].unpack()
                rows[part.digest] = [groups, sums.shape[1], float(sums[0, 0])]
    assert rows == {old.digest: [["", "a=x"], 16, 3.0], fresh.digest: [[""], 15, 2.0]}


def test_an_inferred_spec_travels_with_its_rows() -> None:
    """A model nobody described is read from its first answer on; a failure before it does not fix the task."""
    fold = Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs(), Limits())
    send(
        fold,
        "predictions",
        [{"error": "timeout"}, {"prediction": True, "score": 0.75, "features": {"x": 1, "y": "b"}}],
    )
    parts = [part for m in fold.drain().messages for part in decode_delta(m.value).versions.values()]
    tasks = {part.spec.task: part for part in parts if part.spec is not None}
    assert set(tasks) == {"regression", "binary"}
    _, groups, sums = tasks["binary"].tables["features"].unpack()
    assert groups == ["__prediction__", "__score__", "x", "y"]
    np.testing.assert_array_equal(sums[2], [1, 0, 0, 0, 0, 1, 1])


def test_what_was_not_drained_is_part_of_the_state() -> None:
    """A record set aside before a commit without a drain is published after a restart, once."""
    fold = new()
    fold.apply(Batch(topic="labels", offsets=[7], timestamps=[NOW], values=[b"?"]))
    state = dict(fold.changes().puts)
    again = new(state=state)
    (message,) = again.drain().messages
    assert (message.topic, json.loads(message.value)["offset"]) == ("deadletters", 7)
    assert again.changes().deletes == ["unsaid"]
