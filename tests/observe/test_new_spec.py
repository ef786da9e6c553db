"""A new spec is taken up at the end of a window, without a restart."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.spec import Feature, ModelSpec
from tests.observe.streams import START, TERMS, Reader

FORMER = ModelSpec(
    model="m", version="1", task="regression", features=[Feature(name="x", kind="numeric")], **TERMS
)
NEXT = msgspec.structs.replace(FORMER, owner="new", window_seconds=10.0)
LAST = msgspec.structs.replace(FORMER, owner="newer")
WINDOW, DISORDER = TERMS["window_seconds"], TERMS["allowed_disorder_seconds"]


def event(number: int, time: float) -> dict[str, Any]:
    return {"model": "m", "version": "1", "prediction_id": str(number), "timestamp": time, "prediction": 1.0}


def read(events: list[Any], changes: dict[int, ModelSpec], cuts: set[int], crashes: set[int]) -> Counter[Any]:
    """Predictions by spec and window, where specs are published before the events of some numbers."""
    reader = Reader([FORMER])
    first = 0
    for end in sorted({*changes, *cuts, len(events)} - {0}):
        values: list[bytes | None] = [json.dumps(e).encode() for e in events[first:end]]
        reader.apply("predictions", first, values)
        first = end
        if end in crashes:
            reader.commit()
            reader.crash()
        if end in changes:
            reader.commit()
            reader.specs.add(changes[end])
    reader.commit()
    counted: Counter[Any] = Counter()
    for message in reader.messages:
        delta = decode_delta(message.value)
        for part in delta.versions.values():
            windows, groups, sums = part.tables["traffic"].unpack() if part.tables else ((), (), ())
            for window, group, row in zip(windows, groups, sums, strict=True):
                if group == "":
                    counted[part.digest, int(window)] += int(row[0])
    return counted


def expected(events: list[Any], changes: dict[int, ModelSpec]) -> Counter[Any]:
    """The same, event by event: a spec holds from the end of the window that was under way."""
    counted: Counter[Any] = Counter()
    newest, force = 0.0, [(0.0, FORMER)]
    for number, one in enumerate(events):
        if number in changes:
            if force[-1][0] > newest:
                force.pop()
            new = changes[number]
            if force[-1][1] != new:
                step = max(force[-1][1].window_seconds, new.window_seconds)
                force.append(((newest // step + 1) * step, new))
        place = max(one["timestamp"], newest - DISORDER)
        spec = [spec for start, spec in force if place >= start][-1]
        newest = max(newest, one["timestamp"])
        window = one["timestamp"] // spec.window_seconds * spec.window_seconds
        counted[spec.digest, int(window)] += 1
    return counted


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    changes=st.dictionaries(st.integers(1, 39), st.sampled_from([FORMER, NEXT, LAST]), max_size=4),
    cuts=st.sets(st.integers(1, 39), max_size=8),
    crashes=st.sets(st.integers(1, 39), max_size=4),
)
def test_which_spec_reads_a_prediction_does_not_depend_on_batches_or_restarts(
    seed: int, changes: dict[int, ModelSpec], cuts: set[int], crashes: set[int]
) -> None:
    """However the topic was cut, and wherever the worker began anew while a change was pending."""
    random = Random(seed)
    events, time = [], START
    for number in range(40):
        time += random.choice([0.0, 3.0, 5.0, 12.0])
        events.append(event(number, time - random.choice([0.0, 0.0, 5.0, 10.0, 25.0])))
    assert read(events, changes, cuts | crashes, crashes) == expected(events, changes)


def test_a_window_is_judged_by_one_spec() -> None:
    """Within the allowed disorder no window has predictions of both specs; the former one reads to its window's end."""
    times = [START + 7.0 * number for number in range(30)]
    for at in range(1, 29, 2):
        times[at] -= 6.0
    events = [event(number, time) for number, time in enumerate(times)]
    counted = read(events, {11: LAST}, set(range(0, 30, 4)), {12})
    windows = Counter(window for _, window in counted)
    assert set(windows.values()) == {1}
    former = [window for digest, window in counted if digest == FORMER.digest]
    newest = max(times[:11])
    assert max(former) == newest // WINDOW * WINDOW


def test_a_prediction_too_late_for_the_former_spec_is_read_under_the_new_one() -> None:
    """Later than the disorder allows, after the change is over: an era does not stay for stragglers."""
    events = [event(0, START), event(1, START + 100.0), event(2, START + 1.0)]
    counted = read(events, {1: LAST}, set(), set())
    assert counted[LAST.digest, int(START)] == 1
    assert counted[FORMER.digest, int(START)] == 1


def test_an_era_that_is_over_is_forgotten() -> None:
    """Publishing often leaves nothing behind: neither eras that never began nor those that hold nothing."""
    reader = Reader([FORMER])
    for number in range(30):
        one = event(number, START + number) | {"prediction_id": None}
        reader.apply("predictions", number, [json.dumps(one).encode()])
        reader.commit()
        reader.specs.add(msgspec.structs.replace(FORMER, owner=str(number)))
    reader.apply("predictions", 30, [json.dumps(event(30, START + 100.0) | {"prediction_id": None}).encode()])
    reader.commit()
    reader.commit()
    assert len([key for key in reader.state if key.startswith("era/")]) == 1
