"""A model without references gets them from its stream: when, of what, and once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest

from monitor_stream.events.codec import decode_json, decode_spec
from monitor_stream.events.delta import SAMPLE_ROWS, Sample, SampleColumn
from monitor_stream.events.fold import Limits, Message
from monitor_stream.events.results import DriftSpan
from monitor_stream.events.spec import (
    DAY,
    CategoricalReference,
    Feature,
    ModelSpec,
    NumericReference,
    Specs,
)
from monitor_stream.events.tables import HISTOGRAM_BINS, SCORE, TableName
from monitor_stream.judge import Judge, learning
from monitor_stream.judge.drift.learn import MIN_ROWS, MIN_SPANS
from monitor_stream.judge.drift.reference import numeric_reference
from tests.judge.deltas import SEAT, Row, Source, batch, judge, part

T = 1_362_096_000
INFERRED = ModelSpec(model="m", version="1", task="binary", inferred=True, horizon_seconds=DAY)
COLUMNS = [
    SampleColumn("x", "numeric"),
    SampleColumn("carrier", "categorical", ["UA", "AA", "DL"]),
    SampleColumn("paid", "boolean"),
    SampleColumn("empty", "numeric"),
]
NAN = float("nan")


def rows_of(seed: int, n: int = SAMPLE_ROWS) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    random = np.random.default_rng(seed)
    return np.stack(
        [
            np.where(random.random(n) < 0.1, NAN, random.normal(5.0, 2.0, n)),
            random.choice(4, n, p=[0.5, 0.3, 0.1, 0.1]),
            random.choice(2, n, p=[0.8, 0.2]),
            np.full(n, NAN),
            random.beta(2.0, 5.0, n),
        ],
        axis=1,
    )


def sample(day: int, n: int = SAMPLE_ROWS) -> Sample:
    hashes = np.arange(n, dtype=np.uint64) + np.uint64(day * 10_000)
    return Sample.pack(T + day * 86400, hashes, rows_of(day, n), COLUMNS)


def feed(
    fold: Judge,
    source: Source,
    day: int,
    *,
    under: ModelSpec = INFERRED,
    samples: Sequence[Sample] = (),
    tables: Mapping[TableName, Sequence[Row]] | None = None,
) -> list[Message]:
    """A day passes; what is said then of models and of drift."""
    told = part(
        under,
        {"traffic": [(T + day * 86400, "", [1.0, 0.0])], **(tables or {})},
        samples=samples or [sample(day)],
        learned=under if under.inferred and not under.learned_until else None,
    )
    fold.apply(batch(source.delta({"1": told}, T + (day + 1) * DAY, T)))
    return [message for message in fold.drain().messages if message.topic in {"models", "drift"}]


def committed(fold: Judge, state: Mapping[str, bytes]) -> dict[str, bytes]:
    changes = fold.changes()
    after = {**state, **changes.puts}
    return {name: data for name, data in after.items() if name not in changes.deletes}


def learned(days: int = MIN_SPANS) -> ModelSpec:
    fold, source = judge(), Source()
    *before, last = [feed(fold, source, day) for day in range(days)]
    assert before == [[]] * (days - 1)
    [message] = last
    assert (message.topic, message.key) == ("models", b"m/1")
    return decode_spec(message.value)


def test_references_are_those_of_the_sampled_rows() -> None:
    """By the functions that `profile` uses, for features, score and nothing else; `learned_until` says of when they are."""
    spec = learned()
    rows = np.concatenate([rows_of(day) for day in range(MIN_SPANS)])
    assert (spec.model, spec.version, spec.inferred) == ("m", "1", True)
    assert spec.learned_until == T + MIN_SPANS * DAY
    features = {feature.name: feature for feature in spec.features}
    assert features.keys() == {"x", "carrier", "paid"}
    x = rows[:, 0]
    assert features["x"].reference == numeric_reference(x[np.isfinite(x)], len(rows))
    assert spec.score == numeric_reference(rows[:, -1], len(rows))
    carrier = features["carrier"].reference
    assert isinstance(carrier, CategoricalReference)
    assert carrier.shares == {
        name: pytest.approx(np.mean(rows[:, 1] == code)) for code, name in enumerate(["UA", "AA", "DL"])
    }
    assert carrier.other == pytest.approx(np.mean(rows[:, 1] == 3))
    paid = features["paid"].reference
    assert isinstance(paid, CategoricalReference)
    assert paid.shares == {
        "false": pytest.approx(np.mean(rows[:, 2] == 0)),
        "true": pytest.approx(np.mean(rows[:, 2] == 1)),
    }
    assert spec.prediction is None
    assert spec.label is None
    assert spec.drift.columns.keys() == {"x", "carrier", "paid", SCORE}
    assert all(law.spans == MIN_SPANS for laws in spec.drift.columns.values() for law in laws)


def test_a_week_is_waited_for_and_so_many_rows() -> None:
    """Neither seven days of few rows nor few days of many are enough."""
    fold, source = judge(), Source()
    few = MIN_ROWS // 10 - 1
    for day in range(10):
        assert feed(fold, source, day, samples=[sample(day, few)]) == []
    assert len(feed(fold, source, 10, samples=[sample(10, few)])) == 1


def test_a_spec_is_said_once() -> None:
    """Not again while it is unanswered, nor after a restart; rows are dropped when it has come back."""
    specs = Specs()
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    for day in range(MIN_SPANS - 1):
        feed(fold, source, day)
    [message] = feed(fold, source, MIN_SPANS - 1)
    state = committed(fold, {})
    assert feed(fold, source, MIN_SPANS) == []
    heir = Judge.restore(state, SEAT, specs, Limits())
    assert feed(heir, source, MIN_SPANS + 1) == []
    specs.add(decode_spec(message.value))
    state = committed(heir, state)
    assert len([name for name in state if name.startswith('["sampled"')]) == MIN_SPANS + 1
    assert feed(heir, source, MIN_SPANS + 2) == []
    state = committed(heir, state)
    assert not [name for name in state if name.startswith(('["sampled"', '["span"'))]


def test_a_spec_without_references_that_is_published_again_is_completed_again() -> None:
    """By what was learned before, without another week."""
    described = msgspec.structs.replace(
        INFERRED,
        inferred=False,
        owner="growth",
        features=[Feature(name="x", kind="numeric"), Feature(name="paid", kind="categorical")],
    )
    specs = Specs([described])
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    said = [feed(fold, source, day, under=described) for day in range(MIN_SPANS)]
    answer = decode_spec(said[-1][0].value)
    assert answer.owner == "growth"
    assert [feature.reference is not None for feature in answer.features] == [True, False]
    specs.add(answer)
    assert [message.topic for message in feed(fold, source, MIN_SPANS, under=answer)] == ["drift"]
    newer = msgspec.structs.replace(described, owner="sales")
    specs.add(newer)
    [message] = feed(fold, source, MIN_SPANS + 1, under=newer)
    again = decode_spec(message.value)
    assert again == msgspec.structs.replace(answer, owner="sales")


def test_drift_is_judged_by_what_was_learned() -> None:
    """From the first whole span under the completed spec on, and of the span in which it came, nothing."""
    specs = Specs()
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    for day in range(MIN_SPANS - 1):
        feed(fold, source, day)
    [message] = feed(fold, source, MIN_SPANS - 1)
    spec = decode_spec(message.value)
    specs.add(spec)
    reference = next(f.reference for f in spec.features if f.name == "x")
    assert isinstance(reference, NumericReference)

    def counted(mean: float, day: int) -> dict[TableName, Sequence[Row]]:
        values = np.random.default_rng(99 + day).normal(mean, 2.0, 3000)
        counts = np.bincount(np.searchsorted(reference.edges, values), minlength=HISTOGRAM_BINS)
        return {"histograms": [(T + day * 86400, "x", counts.tolist())]}

    first = MIN_SPANS
    feed_old = part(INFERRED, {}, samples=[sample(first)])
    fold.apply(batch(source.delta({"1": feed_old}, T + first * DAY, T)))
    assert feed(fold, source, first, under=spec, tables=counted(9.0, first)) == []
    found = []
    for day, mean in ((first + 1, 5.0), (first + 2, 6.0)):
        [told] = feed(fold, source, day, under=spec, tables=counted(mean, day))
        assert told.topic == "drift"
        found.append({c.column: c.drifted for c in decode_json(DriftSpan, told.value).columns}["x"])
    assert found == [False, True]


def test_rows_that_never_are_enough_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest spans are held, and no more."""
    monkeypatch.setattr(learning, "MAX_SPANS", 3)
    fold, source, state = judge(), Source(), dict[str, bytes]()
    for day in range(9):
        feed(fold, source, day, samples=[sample(day, 2)])
        state = committed(fold, state)
    fold.finish()
    state = committed(fold, state)
    assert len([name for name in state if name.startswith('["sampled"')]) == 3
