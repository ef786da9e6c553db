"""What spans keep of the tables that come by window."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.codec import decode_json
from monitor_stream.events.results import DriftSpan
from monitor_stream.events.spec import DAY, CategoricalReference, Feature, ModelSpec
from monitor_stream.events.tables import HISTOGRAM_BINS, MAX_COLUMNS, TableName
from monitor_stream.judge.drift.reference import numeric_reference
from monitor_stream.judge.span_values import span_values
from monitor_stream.judge.sums import Rows
from tests.judge.deltas import Row, Source, batch, judge, part

T = 1_362_096_000  # midnight
RANDOM = np.random.default_rng(3)
NEAR, FAR = RANDOM.normal(0.0, 1.0, 5000), RANDOM.normal(500.0, 1.0, 5000)
SPEC = ModelSpec(
    model="m",
    version="1",
    task="regression",
    features=[
        Feature(name="near", kind="numeric", reference=numeric_reference(NEAR, 5000)),
        Feature(name="far", kind="numeric", reference=numeric_reference(FAR, 5000)),
        Feature(
            name="city",
            kind="categorical",
            reference=CategoricalReference(n=5000, missing=0.0, shares={"Oslo": 1.0}),
        ),
        Feature(name="bare", kind="numeric"),
    ],
)


def window(start: int, n: int) -> dict[TableName, list[Row]]:
    """A window in which `near` and `far` hold each other's values."""
    rows: dict[TableName, list[Row]] = {"histograms": [], "features": []}
    for name, values, centre in (("near", FAR[:n], NEAR.mean()), ("far", NEAR[:n], FAR.mean())):
        off = values - centre
        rows["features"].append((start, name, [n, 0, 0, 0, 0, off.sum(), (off**2).sum()]))
        reference = SPEC.features[["near", "far"].index(name)].reference
        assert reference is not None
        counts = np.zeros(HISTOGRAM_BINS)
        counts[len(reference.shares) - 1 if name == "near" else 0] = n
        rows["histograms"].append((T, name, counts.tolist()))
    return rows


def test_windows_of_a_span_add_up_and_survive_a_restart() -> None:
    """The heir knows the moments of the windows before it: all of the span together tell the swap."""
    fold, source = judge(SPEC), Source()
    fold.apply(batch(source.delta({"1": part(SPEC, window(T, 300))}, T + 300)))
    heir = judge(SPEC, state=fold.changes().puts)
    later = window(T + 43_200, 400)
    heir.apply(batch(source.delta({"1": part(SPEC, later)}, T + DAY)))
    [span] = [decode_json(DriftSpan, m.value) for m in heir.drain().messages if m.topic == "drift"]
    assert (span.n, span.swapped) == (700, [("near", "far")])


def test_only_what_is_asked_is_kept() -> None:
    """Numbers and components as moments, categories by their unseen names; no answers, nothing without a reference."""
    described = ModelSpec(
        model="m", task="binary", features=[*SPEC.features, Feature(name="v", kind="vector")]
    )
    groups = ["near", "city", "bare", "v", "v[0]", "near[0]", "__score__"]
    features = np.zeros(len(groups), np.int64) + T, Rows(groups, np.ones((len(groups), 7)))
    unseen = np.full(2, T), Rows(["city=Rome", "near=Rome"], np.ones((2, 1)))
    kept = list(span_values({"features": features, "unseen": unseen}, described))
    assert [(each.start, each.table, each.rows.groups) for each in kept] == [
        (T, "features", ["near", "v[0]"]),
        (T, "unseen", ["city=Rome"]),
    ]


def test_windows_belong_to_the_span_that_they_begin_in() -> None:
    """Rows of a day's windows are one row, and there are no more features than have histograms."""
    reference = SPEC.features[0].reference
    named = [Feature(name=f"f{at}", kind="numeric", reference=reference) for at in range(MAX_COLUMNS + 50)]
    described = ModelSpec(model="m", task="binary", features=named)
    groups = [feature.name for feature in named] * 2
    windows = np.repeat([T + 86_100, T + 86_400], len(named))
    kept = list(span_values({"features": (windows, Rows(groups, np.ones((len(groups), 7))))}, described))
    assert [(each.start, len(each.rows.groups)) for each in kept] == [(T, 200), (T + 86_400, 200)]
