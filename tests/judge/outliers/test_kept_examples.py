"""Examples in JUDGE: the same twenty however they came, and none that the spec forbids, from the event to the document."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json
from monitor_stream.events.delta import EXAMPLES, Example
from monitor_stream.events.fold import Batch, Limits, Seat
from monitor_stream.events.results import ModelResults
from monitor_stream.events.spec import DAY, Feature, ModelSpec, NumericReference, OutlierRules, Specs
from monitor_stream.judge import Judge
from monitor_stream.judge.outliers import KeptExamples
from monitor_stream.judge.persist import Journal
from monitor_stream.observe import Observe

T = 1_362_096_000
NUMBERS = NumericReference(
    n=9, missing=0.0, mean=0.0, std=1.0, minimum=-2.698, maximum=2.698, edges=[0.0], shares=[0.5, 0.5]
)
SPEC = ModelSpec(
    model="m",
    version="1",
    task="regression",
    features=[Feature(name=name, kind="numeric", reference=NUMBERS) for name in ("size", "income")],
    outliers=OutlierRules(cuts={"size": 2.0, "income": 2.0}),
)

_example = st.builds(
    lambda day, score, number: Example(
        int(T + day * DAY), score, number, T + day * DAY + number, str(number), "size", {"size": score}
    ),
    st.integers(0, 2),
    st.sampled_from([1.0, 1.5, 2.0, 9.0]),
    st.integers(0, 60),
)


@settings(max_examples=60)
@given(sent=st.lists(_example, unique_by=lambda e: (e.start, e.hash), max_size=80), data=st.data())
def test_the_furthest_are_kept_in_whatever_order_they_come(sent: list[Example], data: st.DataObject) -> None:
    """Of the newest day the twenty with the highest scores; a restart on the way changes nothing."""
    newest = max((example.start for example in sent), default=0)
    best = sorted((e for e in sent if e.start == newest), key=lambda e: (-e.score, e.hash))[:EXAMPLES]
    order = data.draw(st.permutations(sent))
    journal = Journal({})
    kept, state = KeptExamples("m", "1", journal), dict[str, bytes]()
    for at in range(0, len(order), 7):
        kept.take(order[at : at + 7], SPEC)
        state |= journal.take().puts
        if data.draw(st.booleans()):
            kept = KeptExamples("m", "1", journal)
            kept.restore(state['["examples","m","1"]'])
    assert kept.document() == best


def test_a_new_spec_holds_for_what_is_kept() -> None:
    """Features that are masked from now on are hidden in old examples too, and none is left where none may be stored."""
    journal = Journal({})
    kept = KeptExamples("m", "1", journal)
    sent = [Example(T, 3.0, 1, T, "a", "size", {"size": 12.0, "income": 5.0})]
    kept.take(sent, SPEC)
    kept.take([], msgspec.structs.replace(SPEC, masked=["income"]))
    assert [example.features for example in kept.document()] == [{"size": 12.0, "income": "***"}]
    journal.take()
    kept.take(sent, msgspec.structs.replace(SPEC, store_examples=False))
    assert kept.document() == []
    assert journal.take().deletes == ['["examples","m","1"]']


def both_folds(spec: ModelSpec) -> tuple[ModelResults, bytes]:
    """The document of one outlier, and all that was said or written on the way."""
    seat = Seat(partition=0, partitions=1, epoch=1)
    observe = Observe.restore({}, seat, Specs([spec]), Limits())
    judge = Judge.restore({}, seat, Specs([spec]), Limits())
    event: dict[str, Any] = {
        "model": "m",
        "version": "1",
        "prediction": 1.0,
        "prediction_id": "someone",
        "timestamp": T,
        "features": {"size": 77.125, "income": 31415.5},
    }
    observe.apply(
        Batch(topic="predictions", offsets=[0], timestamps=[T], values=[json.dumps(event).encode()])
    )
    deltas = [message.value for message in observe.drain().messages]
    judge.apply(
        Batch(topic="deltas", offsets=range(len(deltas)), timestamps=[T] * len(deltas), values=deltas)
    )
    outputs = judge.drain()
    said = [*deltas, *(message.value for message in outputs.messages), *judge.changes().puts.values()]
    document = outputs.results["model:m"] or b""
    return decode_json(ModelResults, document), b"".join([*said, *filter(None, outputs.results.values())])


def test_an_outlier_stands_in_the_document() -> None:
    """With its id, what made it one, and its features."""
    results, said = both_folds(SPEC)
    (example,) = results.versions["1"].examples
    assert (example.prediction_id, example.reason, example.features["size"]) == ("someone", "income", 77.125)
    assert b"31415.5" in said


def test_no_example_is_anywhere_where_none_may_be_stored() -> None:
    """`store_examples: false`: not in deltas, state, windows or documents."""
    results, said = both_folds(msgspec.structs.replace(SPEC, store_examples=False))
    assert results.versions["1"].examples == []
    assert b"someone" not in said
    assert b"77.125" not in said


def test_a_masked_value_is_nowhere_in_an_example() -> None:
    """Not in the document, and not by the distance that would tell it."""
    results, said = both_folds(msgspec.structs.replace(SPEC, masked=["income"]))
    (example,) = results.versions["1"].examples
    assert (example.reason, example.features) == ("size", {"size": 77.125, "income": "***"})
    assert b"31415.5" not in said
