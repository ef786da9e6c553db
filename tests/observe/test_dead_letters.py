"""Nothing that arrives is lost in silence: it is counted, or set aside with the reason."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from monitor_stream.events.fold import Batch, Limits, Seat, Topic
from monitor_stream.events.spec import Feature, ModelSpec, Specs
from monitor_stream.observe import Observe
from tests.observe.streams import Totals

NOW = 1_700_000_000.0
SPEC = ModelSpec(model="m", task="regression", features=[Feature(name="x", kind="numeric")])


def observe(*values: bytes | None, topic: Topic = "predictions", limits: Limits | None = None) -> Observe:
    fold = Observe.restore({}, Seat(partition=3, partitions=4, epoch=1), Specs([SPEC]), limits or Limits())
    offsets = range(100, 100 + len(values))
    fold.apply(Batch(topic=topic, offsets=offsets, timestamps=[NOW] * len(values), values=values))
    return fold


def letters(fold: Observe) -> list[dict[str, Any]]:
    return [json.loads(m.value) for m in fold.drain().messages if m.topic == "deadletters"]


GOOD = b'{"model": "m", "prediction_id": "a", "prediction": 1}'
PREDICTIONS: dict[str, list[bytes | None]] = {
    "tombstone": [None],
    "too_large": [b'{"model": "m", "error": "%s"}' % (b"x" * 5_000_000), b" " * ((1 << 20) + 1)],
    "not_utf8": [b"\xff\xfe", b'{"model": "\xff"}', b'{"model": "m", "features": {"x": "\xff"}}', b'{"model": "m", "\xff": 1}'],
    "not_json": [b"", b"{", b"hello", b'{"model": "m"} 1', b'{"model": "m", "features": ' + b"[" * 90_000],
    "not_finite": [
        b'{"model": "m", "prediction": NaN}',
        b'{"model": "m", "prediction": -Infinity}',
        b'{"model": "m", "prediction": 1e999}',
        b'{"model": "m", "features": {"x": NaN}}',
        b'{"model": "m", "features": {"x": 1e999}}',
    ],
    "missing_field": [b"{}", b'{"version": "1"}'],
    "wrong_type": [
        b"[]",
        b"1",
        b'{"model": 1}',
        b'{"model": "m", "score": "high"}',
        b'{"model": "m", "prediction": [1]}',
        b'{"model": "m", "features": [1]}',
        b'{"model": "m", "features": "x"}',
        b'{"model": "m", "segments": 5}',
        b'{"model": "m", "timestamp": "yesterday"}',
        b'{"model": "m", "timestamp": "2023-01-01T00:00:00"}',
    ],
    "out_of_bounds": [
        b'{"model": ""}',
        b'{"model": "%s"}' % (b"m" * 201),
        b'{"model": "m", "prediction_id": "%s"}' % (b"i" * 100_000),
        b'{"model": "m", "score": 1.5}',
        b'{"model": "m", "score": -0.1}',
        b'{"model": "m", "scores": {"a": 2}}',
        b'{"model": "m", "latency_seconds": -1}',
    ],
    "timestamp_in_future": [
        b'{"model": "m", "timestamp": "3000-01-01T00:00:00Z"}',
        b'{"model": "m", "timestamp": 1700003601}',
        b'{"model": "m", "timestamp": 1700000000000}',
        b'{"model": "m", "timestamp": 1e300}',
    ],
    "timestamp_too_old": [
        b'{"model": "m", "timestamp": "1970-01-01T00:00:00Z"}',
        b'{"model": "m", "timestamp": -1e300}',
        b'{"model": "m", "timestamp": 0}',
        b'{"model": "m", "timestamp": "0001-01-01T00:00:00+10:00"}',
    ],
}  # fmt: skip
LABELS: dict[str, list[bytes | None]] = {
    "tombstone": [None],
    "not_utf8": [b'{"model": "m", "prediction_id": "\xff", "label": 1}'],
    "not_json": [b"}", b'{"model": "\\ud800", "prediction_id": "a", "label": 1}'],
    "not_finite": [b'{"model": "m", "prediction_id": "a", "label": Infinity}'],
    "missing_field": [b'{"model": "m", "prediction_id": "a"}', b'{"model": "m", "label": 1}'],
    "wrong_type": [b'{"model": "m", "prediction_id": "a", "label": null}', b'{"model": "m", "prediction_id": 1, "label": 1}'],
    "out_of_bounds": [b'{"model": "m", "prediction_id": "", "label": 1}'],
    "timestamp_in_future": [b'{"model": "m", "prediction_id": "a", "label": 1, "timestamp": 1800000000}'],
    "timestamp_too_old": [b'{"model": "m", "prediction_id": "a", "label": 1, "timestamp": 5}'],
}  # fmt: skip
CASES: list[tuple[Topic, str, bytes | None]] = [
    *(("predictions", reason, value) for reason, values in PREDICTIONS.items() for value in values),
    *(("labels", reason, value) for reason, values in LABELS.items() for value in values),
]


@pytest.mark.parametrize(
    ("topic", "reason", "value"), CASES, ids=[f"{t}-{r}-{n}" for n, (t, r, _) in enumerate(CASES)]
)
def test_a_bad_record_is_set_aside_and_the_stream_goes_on(
    topic: Topic, reason: str, value: bytes | None
) -> None:
    """A bad record between good ones becomes one dead letter with its place, and costs none of the others."""
    good = GOOD if topic == "predictions" else b'{"model": "m", "prediction_id": "a", "label": 1}'
    fold = observe(good, value, good.replace(b'"a"', b'"b"'), topic=topic)
    (letter,) = letters(fold)
    assert letter["reason"] == reason, letter
    assert (letter["topic"], letter["partition"], letter["offset"]) == (topic, 3, 101)
    assert letter["detail"]
    assert len(letter["detail"]) <= 300
    assert letter["size"] == len(value or b"")
    if value is None:
        assert letter["value"] is None
    else:
        assert base64.b64decode(letter["value"]) == value[:1024]
    totals = json.loads(fold.drain().results["source"] or b"")
    assert totals["records"] == {topic: 3}
    assert totals["dead_letters"] == {topic: {reason: 1}}


def test_models_beyond_the_bound_are_set_aside() -> None:
    """A partition follows so many versions, and so many models of labels; further ones are dead letters."""
    limits = Limits(max_models=2)
    events = [b'{"model": "m%d", "prediction": 1}' % number for number in range(4)]
    assert [one["reason"] for one in letters(observe(*events, limits=limits))] == ["out_of_bounds"] * 2
    events = [b'{"model": "m%d", "prediction_id": "a", "label": 1}' % number for number in range(4)]
    assert len(letters(observe(*events, topic="labels", limits=limits))) == 2


def test_odd_names_are_names() -> None:
    """Models, ids, features and segments may be any text."""
    odd = ['a"b', "a\\b", "a.b c", "größe", "class", "0", "日本", "\x1f", "a=b", "_f0", "f0", ""]
    spec = ModelSpec(
        model="ü/=\x1f",
        task="regression",
        features=[Feature(name=n, kind="numeric") for n in odd[:-1]],
        segments=odd[:-1],
    )
    fold = Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs([spec]), Limits())
    event = json.dumps(
        {
            "model": spec.model,
            "prediction_id": "\x00é",
            "prediction": 2,
            "features": dict.fromkeys(odd, 1.5),
            "segments": dict.fromkeys(odd, "ä"),
        }
    ).encode()
    label = json.dumps({"model": spec.model, "prediction_id": "\x00é", "label": 2}).encode()
    for topic, value in (("predictions", event), ("labels", label)):
        fold.apply(Batch(topic=topic, offsets=[0], timestamps=[NOW], values=[value]))  # type: ignore[arg-type]
    state = dict(fold.changes().puts)
    fold = Observe.restore(state, Seat(partition=0, partitions=1, epoch=2), Specs([spec]), Limits())
    totals = Totals(list(fold.drain().messages))
    assert totals.outcomes == {(spec.model, "0", "joined"): 1}
    groups = {key[4] for key in totals.tables if key[2] == "features"}
    assert groups == {*odd[:-1], "__prediction__", "__target__"}
    assert {key[4] for key in totals.tables if key[2] == "performance"} == {
        "",
        *(f"{name}=ä" for name in odd[:-1]),
    }


def test_a_batch_of_another_topic_is_refused() -> None:
    """OBSERVE reads two topics, and says so."""
    with pytest.raises(ValueError, match="predictions and labels, not deltas"):
        observe(b"{}", topic="deltas")


@pytest.mark.parametrize("topic", ["predictions", "labels"])
def test_poison_is_set_aside_unread(topic: Topic) -> None:
    """A record that the shell found to crash the code is counted, and a dead letter with the reason it was given."""
    fold = Observe.restore({}, Seat(partition=3, partitions=4, epoch=1), Specs([SPEC]), Limits())
    fold.apply(
        Batch(topic=topic, offsets=[7], timestamps=[NOW], values=[GOOD], poison="crashed observe 3 times")
    )
    outputs = fold.drain()
    (letter,) = [json.loads(m.value) for m in outputs.messages]
    assert (letter["reason"], letter["detail"], letter["offset"]) == ("poison", "crashed observe 3 times", 7)
    assert base64.b64decode(letter["value"]) == GOOD
    source = json.loads(outputs.results["source"] or b"")
    assert source["records"] == {topic: 1}
    assert source["dead_letters"] == {topic: {"poison": 1}}
