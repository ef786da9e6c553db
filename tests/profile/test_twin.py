"""The online twin: what OBSERVE counts of the reference's own rows is what the reference says."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.delta import Floats
from monitor_stream.events.fold import Batch, Limits, Seat
from monitor_stream.events.spec import DAY, CategoricalReference, ModelSpec, Specs
from monitor_stream.events.tables import HISTOGRAM_BINS, PREDICTION
from monitor_stream.observe import Observe
from monitor_stream.profile import profile
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.table import events

ROWS = 2_000
FEATURES = ("amount", "age", "plan", "member", "signup", "note")


def table() -> pa.Table:
    rng = np.random.default_rng(6)
    at = 1_704_067_200.0 + np.arange(ROWS) * 120.0
    return pa.table(
        {
            "at": at,
            "y": rng.normal(size=ROWS),
            "amount": pa.array(rng.lognormal(size=ROWS), mask=rng.random(ROWS) < 0.1),
            "age": rng.integers(18, 90, ROWS),
            "plan": pa.array(rng.choice(["free", "pro", "team"], ROWS), mask=rng.random(ROWS) < 0.05),
            "member": rng.random(ROWS) < 0.3,
            "signup": np.char.add(
                (at - rng.integers(60, 10**6, ROWS)).astype("datetime64[s]").astype(str), "Z"
            ),
            "note": [f"these are my words {'x' * int(n)}" for n in rng.integers(0, 400, ROWS)],
        }
    )


def observed(spec: ModelSpec, rows: pa.Table) -> dict[str, Floats]:
    """Histograms by column, over all spans."""
    fold = Observe.restore({}, Seat(partition=0, partitions=1, epoch=1), Specs([spec]), Limits())
    columns = Columns(timestamp="at", prediction="y", features={name: name for name in FEATURES})
    sent, _ = events(rows, spec, columns)
    values = sent.values.to_pylist()
    fold.apply(
        Batch(topic="predictions", offsets=range(len(values)), timestamps=sent.times.tolist(), values=values)
    )
    found: dict[str, Floats] = defaultdict(lambda: np.zeros(HISTOGRAM_BINS))
    for message in fold.drain().messages:
        if message.topic == "deltas":
            for version in decode_delta(message.value).versions.values():
                if "histograms" in version.tables:
                    _, groups, sums = version.tables["histograms"].unpack()
                    for group, row in zip(groups, sums, strict=True):
                        found[group] += row
    return found


def test_the_reference_counts_as_the_stream_is_counted() -> None:
    """Numbers, categories, booleans, ages, lengths and the answer: bin by bin the same, to the digits of the JSON."""
    rows = table()
    spec = profile(
        rows,
        model="m",
        version="1",
        task="regression",
        prediction="y",
        time="at",
        features=FEATURES,
        kinds={"note": "text"},
        created=1.0,
        allowed_disorder_seconds=DAY,
    )
    assert {feature.kind for feature in spec.features} == {
        "numeric",
        "categorical",
        "boolean",
        "timestamp",
        "text",
    }
    found = observed(spec, rows)
    references = {feature.name: feature.reference for feature in spec.features} | {
        PREDICTION: spec.prediction
    }
    for name, reference in references.items():
        assert reference is not None
        shares = reference.shares
        if isinstance(reference, CategoricalReference):
            shares = [*reference.shares.values(), reference.other]
        expected = np.zeros(HISTOGRAM_BINS)
        expected[: len(shares)] = np.array(list(shares)) * reference.n * (1.0 - reference.missing)
        assert found[name] == pytest.approx(expected, abs=0.02), name
