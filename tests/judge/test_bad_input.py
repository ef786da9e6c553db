"""Deltas that are none, do not fit together, or are too many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_delta, decode_json, encode_delta
from monitor_stream.events.deadletter import DeadLetter
from monitor_stream.events.delta import Delta, PairedSample, Scored, Table
from monitor_stream.events.fold import Batch, Limits
from monitor_stream.events.results import ModelResults
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge import Judge
from tests.judge.deltas import Source, batch, judge, part, scored, table

SPEC = ModelSpec(model="m", version="1", task="binary")
T = 1_362_096_000


def good() -> bytes:
    tables = part(SPEC, {"traffic": [(T, "", [1.0, 0.0])]}, errors=[(float(T), 1.0)])
    return Source().delta({"1": tables}, float(T))


def dead_letters(fold: Judge) -> list[DeadLetter]:
    return [decode_json(DeadLetter, m.value) for m in fold.drain().messages if m.topic == "deadletters"]


def of_version(**fields: Any) -> Callable[[Delta], Delta]:
    def change(delta: Delta) -> Delta:
        return msgspec.structs.replace(
            delta, versions={"1": msgspec.structs.replace(delta.versions["1"], **fields)}
        )

    return change


def of_delta(**fields: Any) -> Callable[[Delta], Delta]:
    return lambda delta: msgspec.structs.replace(delta, **fields)


def test_poison_is_set_aside_unread() -> None:
    """A delta that the shell found to crash the code becomes a dead letter with the reason it was given."""
    fold = judge(SPEC)
    poison = batch(good())
    fold.apply(msgspec.structs.replace(poison, poison="crashed judge 3 times"))
    (letter,) = dead_letters(fold)
    assert (letter.reason, letter.detail, letter.offset) == ("poison", "crashed judge 3 times", 0)
    assert not fold.changes().puts.keys() - {"schema"}


def paired(
    start: int = T, *, hashes: Any = (3, 7), errors: Any = (0.5, 0.0), codes: Any = (0, 1)
) -> PairedSample:
    return PairedSample.pack(
        start, np.array(hashes, np.uint64), np.array(errors), ["UA", "DL"], np.array(codes, np.uint16)
    )


NAN = math.nan
BROKEN: dict[str, Callable[[Delta], Delta]] = {
    "watermark not a number": of_delta(watermark=NAN),
    "clock at the end of time": of_delta(clock=math.inf),
    "negative number": of_delta(number=-1),
    "negative source": of_delta(source=-1),
    "sums not finite": of_version(tables={"traffic": table([(T, "", [NAN, 0.0])])}),
    "one column too many": of_version(tables={"traffic": table([(T, "", [1.0, 0.0, 0.0])])}),
    "a task nobody knows": of_version(tables={"performance": table([(T, "", [1.0, 0.0, 0.0])])}),
    "no sums": of_version(tables={"traffic": Table(np.array([T]).tobytes(), [""], b"")}),
    "half a number": of_version(tables={"traffic": Table(np.array([T]).tobytes(), [""], b"123")}),
    "more groups than windows": of_version(tables={"traffic": Table(b"", [""], np.zeros(2).tobytes())}),
    "a window before 1970": of_version(tables={"traffic": table([(-300, "", [1.0, 0.0])])}),
    "a window in no calendar": of_version(tables={"traffic": table([(2**60, "", [1.0, 0.0])])}),
    "more errors than times": of_version(scored=Scored(b"", np.zeros(1).tobytes())),
    "an error not a number": of_version(scored=scored([(float(T), NAN)])),
    "an order in no calendar": of_version(scored=scored([(1e18, 1.0)])),
    "an infinite foretold error": of_version(
        scored=Scored.pack(np.array([float(T)]), np.array([1.0]), np.array([math.inf]))
    ),
    "more errors than were foretold": of_version(
        scored=Scored.pack(np.array([float(T)] * 2), np.array([1.0] * 2), np.array([0.5]))
    ),
    "a pair without an error": of_version(paired=[paired(errors=(0.5,))]),
    "a pair whose error is no number": of_version(paired=[paired(errors=(0.5, NAN))]),
    "pairs in no order": of_version(paired=[paired(hashes=(7, 3))]),
    "a pair of no segment": of_version(paired=[paired(codes=(0, 2))]),
    "pairs before 1970": of_version(paired=[paired(-86400)]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_delta_that_does_not_fit_together_is_set_aside_whole(name: str) -> None:
    """It becomes a dead letter with offset and reason, changes nothing, and the next delta counts."""
    broken = encode_delta(BROKEN[name](decode_delta(good())))
    fold = judge(SPEC)
    fold.apply(batch(broken, good()))
    outputs = fold.drain()
    [letter] = [decode_json(DeadLetter, m.value) for m in outputs.messages if m.topic == "deadletters"]
    assert (letter.reason, letter.topic, letter.offset, letter.size) == (
        "wrong_type",
        "deltas",
        0,
        len(broken),
    )
    results = decode_json(ModelResults, outputs.results["model:m"] or b"")
    assert (results.versions["1"].totals.predictions, results.watermark, results.gaps) == ({"": 1}, T, 0)


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(value: bytes) -> None:
    """Whatever is no delta becomes a dead letter that shows its first bytes."""
    fold = judge(SPEC)
    fold.apply(batch(value))
    [letter] = dead_letters(fold)
    assert letter.value == value


@pytest.mark.parametrize("far", [(3.8e23, 0.0), (0.0, 3.8e23)])
def test_time_goes_no_further_than_calendars_do(far: tuple[float, float]) -> None:
    """A delta that claims a watermark or clock beyond the year 9999 is set aside, whole, and time stays where it is."""
    fold, source = judge(SPEC), Source()
    fold.apply(batch(source.delta(watermark=T + 300.0)))
    fold.apply(batch(source.delta(watermark=far[0], clock=far[1])))
    assert [letter.reason for letter in dead_letters(fold)] == ["wrong_type"]


@given(st.data())
def test_a_damaged_delta_is_survived(data: st.DataObject) -> None:
    """A delta with bytes changed is read or set aside; the fold goes on."""
    value = bytearray(good())
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    fold = judge(SPEC)
    fold.apply(batch(bytes(value)))
    fold.finish()
    fold.drain()
    judge(SPEC, state=fold.changes().puts)


def test_a_tombstone_is_set_aside() -> None:
    """A record without a value is a dead letter of its own reason."""
    fold = judge(SPEC)
    fold.apply(Batch(topic="deltas", offsets=[17], timestamps=[5.0], values=[None]))
    [letter] = dead_letters(fold)
    assert (letter.reason, letter.offset, letter.timestamp.timestamp()) == ("tombstone", 17, 5.0)


def test_versions_beyond_the_limit_are_set_aside() -> None:
    """Those followed already go on; after a restart the same ones are followed."""
    limits = Limits(max_models=2)
    source = Source()
    one = part(SPEC, {"traffic": [(T, "", [1.0, 0.0])]})
    fold = judge(SPEC, limits=limits)
    fold.apply(batch(source.delta({"1": one, "2": one}), source.delta({"1": one, "3": one})))
    [letter] = dead_letters(fold)
    assert (letter.reason, letter.offset) == ("out_of_bounds", 1)
    assert "m 3" in letter.detail
    heir = judge(SPEC, limits=limits, state=fold.changes().puts)
    heir.apply(batch(source.delta({"1": one, "3": one}), Source(model="n").delta({"1": one})))
    outputs = heir.drain()
    assert len(outputs.messages) == 2
    assert set(outputs.results) == {"model:m"}
    versions = decode_json(ModelResults, outputs.results["model:m"] or b"").versions
    assert {name: version.totals.predictions for name, version in versions.items()} == {
        "1": {"": 3},
        "2": {"": 1},
    }


def test_models_without_versions_are_bounded_too() -> None:
    """Labels of models that never predict cannot fill the memory."""
    fold = judge(limits=Limits(max_models=3))
    fold.apply(batch(*(Source(model=f"m{at}").delta(outcomes={"orphan": 1}) for at in range(5))))
    assert len(fold.drain().results) == 3
