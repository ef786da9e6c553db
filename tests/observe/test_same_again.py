"""What is learned on the way (features, classes, segment values, inferred specs) depends on the topic alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_stream.events.fold import Limits, Topic
from monitor_stream.events.spec import Estimator, IsotonicMap, ModelSpec
from tests.observe.streams import START, TERMS, Reader, Totals, encoded, rounded

#: Small bounds, so that they are met: three segment values, also of pairs, two features, and classes beyond their number.
SPEC = ModelSpec(
    model="known",
    version="1",
    task="multiclass",
    classes=["c0"],
    segments=["place"],
    sensitive=["other"],
    segment_pairs=[("other", "place")],
    estimator=Estimator(maps={"c1": IsotonicMap(scores=[0.5], probabilities=[0.25])}),
    max_segment_values=2,
    **TERMS,
)

_names = st.sampled_from([f"c{index}" for index in range(70)])
_event = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["known", "unheard", "other"]),
        "prediction_id": st.integers(0, 40).map(str),
    },
    optional={
        "version": st.sampled_from(["1", "2", "3", "4"]),
        "prediction": st.one_of(_names, st.sampled_from([True, 1.0, 0.5, 7.0])),
        "score": st.just(0.25),
        "scores": st.dictionaries(_names, st.just(0.5), max_size=3),
        "error": st.just("timeout"),
        "features": st.dictionaries(
            st.sampled_from(["a", "b", "c d"]),
            st.sampled_from([None, 1.0, "x", True, [1], 1e200]),
            max_size=3,
        ),
        "segments": st.dictionaries(
            st.sampled_from(["place", "other"]),
            st.sampled_from(["p", "q", "r", "s", 5, True, None]),
            max_size=2,
        ),
    },
)
_label = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["known", "unheard", "nobody"]),
        "prediction_id": st.integers(0, 40).map(str),
        "label": st.one_of(_names, st.sampled_from([True, 1.0, 0.5, 7.0])),
    }
)


def read(topics: dict[Topic, list[Any]], steps: list[tuple[bool, int, bool]], limits: Limits) -> Totals:
    reader = Reader([SPEC], limits)
    at: dict[Topic, int] = {"predictions": 0, "labels": 0}
    for first, count, commit in [*steps, (True, 999, False), (False, 999, True)]:
        topic: Topic = "predictions" if first else "labels"
        values = [
            encoded(event | {"timestamp": START + 3.0 * (at[topic] + number)})
            for number, event in enumerate(topics[topic][at[topic] : at[topic] + count])
        ]
        if values:
            reader.apply(topic, at[topic], values)
            at[topic] += len(values)
        if commit:
            reader.commit()
            reader.crash()
    return Totals(reader.messages)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    predictions=st.lists(_event, max_size=60),
    labels=st.lists(_label, max_size=60),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 20), st.booleans()), max_size=12),
    models=st.sampled_from([2, 100]),
)
def test_what_is_learned_does_not_depend_on_how_the_topics_were_read(
    predictions: list[Any], labels: list[Any], steps: Any, models: int
) -> None:
    """Any reading gives the rows of a reading record by record, first of one topic and then of the other."""
    topics: dict[Topic, list[Any]] = {"predictions": predictions, "labels": labels}
    limits = Limits(max_models=models)
    singly = [(True, 1, False)] * len(predictions) + [(False, 1, False)] * len(labels)
    one, other = read(topics, singly, limits), read(topics, steps, limits)
    assert one.tables.keys() == other.tables.keys()
    for key, row in one.tables.items():
        np.testing.assert_allclose(other.tables[key], row, rtol=1e-9, atol=1e-9, err_msg=str(key))
    assert rounded(one.errors) == rounded(other.errors)
    assert one.dead == other.dead
    assert {k: n for k, n in one.outcomes.items() if k[2] in {"joined", "duplicate"}} == {
        k: n for k, n in other.outcomes.items() if k[2] in {"joined", "duplicate"}
    }
