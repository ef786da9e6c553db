"""Bad data never raises: it becomes a count or a dead letter."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.fold import Batch, Limits, Seat, Topic
from monitor_stream.events.spec import Specs
from monitor_stream.observe import Observe
from tests.observe.streams import SPECS, START

_scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([10**310, -(10**400), 2**53, 10**18]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["price", "late", "1", "2", "0", "x", "true", "2001-09-09T01:46:40Z"]),
)
_json = st.recursive(
    _scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(["x", "country", "hour"])), inner, max_size=4
        ),
    ),
    max_leaves=8,
)
_names = st.sampled_from(
    [
        "model",
        "version",
        "prediction_id",
        "timestamp",
        "prediction",
        "score",
        "scores",
        "features",
        "segments",
        "latency_seconds",
        "error",
        "attributions",
        "interval",
        "label",
        "x",
    ]
)
_known = st.fixed_dictionaries(
    {"model": st.sampled_from(["price", "late", "new"]), "timestamp": st.just(START)},
    optional={
        "version": st.sampled_from(["1", "2", "0"]),
        "prediction_id": st.just("a"),
        "prediction": _scalar,
        "scores": st.dictionaries(st.sampled_from(["dog", "1", "true"]), st.floats(0.0, 1.0), max_size=2),
        "interval": st.tuples(_scalar, _scalar),
        "label": _scalar,
    },
)
_record = st.one_of(
    st.binary(max_size=10),
    st.builds(
        lambda known, more: json.dumps(known | more).encode(),
        _known,
        st.dictionaries(_names, _json, max_size=4),
    ),
    st.builds(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"), _json),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    batches=st.lists(
        st.tuples(
            st.sampled_from(["predictions", "labels"]), st.lists(st.one_of(st.none(), _record), max_size=8)
        ),
        max_size=6,
    )
)
@example(
    batches=[("predictions", [b'{"model": "late", "version": "1", "segments": {"hour": %d}}' % 10**400])]
)
@example(batches=[("predictions", [b'{"model": "new", "features": {"a": %s}}' % (b"1" * 9000)])])
@example(batches=[("labels", [b'{"model": "late", "prediction_id": "a", "label": %s}' % (b"1" * 9000)])])
def test_no_record_raises(batches: list[tuple[Topic, list[bytes | None]]]) -> None:
    """Any bytes in either topic are taken in, and what comes out can be read."""
    fold = Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs(SPECS), Limits())
    read = 0
    for topic, values in batches:
        count = len(values)
        fold.apply(Batch(topic=topic, offsets=range(count), timestamps=[START] * count, values=values))
        read += count
    again = Observe.restore(
        fold.changes().puts, Seat(partition=0, partitions=1, epoch=2), Specs(SPECS), Limits()
    )
    outputs = again.drain()
    document: Any = json.loads(outputs.results["source"] or b"")
    assert sum(document["records"].values()) == read
    for message in outputs.messages:
        if message.topic == "deltas":
            sums = [
                t.unpack()[2]
                for v in decode_delta(message.value).versions.values()
                for t in v.tables.values()
            ]
            assert all(np.isfinite(rows).all() for rows in sums)
        else:
            json.loads(message.value)
