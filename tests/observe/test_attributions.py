"""Attributions: sums of what can be summed, for the features that a spec names, and no cost where none came."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from monitor_stream.events.spec import Feature, ModelSpec
from monitor_stream.events.tables import MAX_COLUMNS
from tests.observe.streams import START, Reader, Totals

FEATURES = [Feature(name=name, kind="numeric") for name in ("x", 'quo"ted')]


def totals(events: list[bytes], features: list[Feature] = FEATURES) -> dict[str, list[float]]:
    reader = Reader([ModelSpec(model="m", task="regression", features=features)])
    reader.apply("predictions", 0, list(events))
    reader.commit()
    tables = Totals(reader.messages).tables
    return {key[4]: row.tolist() for key, row in tables.items() if key[2] == "attributions"}


def event(attributions: Any, **more: Any) -> bytes:
    told = {} if attributions is ... else {"attributions": attributions}
    return json.dumps({"model": "m", "prediction": 1.0, "timestamp": START} | told | more).encode()


def test_attributions_are_summed_by_feature() -> None:
    """How many, their absolute values and themselves; as numpy sums them."""
    values = np.random.default_rng(1).normal(size=(200, 2))
    events = [event({"x": x, 'quo"ted': y}) for x, y in values.tolist()]
    expected = {
        feature.name: [200.0, np.abs(column).sum(), column.sum()]
        for feature, column in zip(FEATURES, values.T, strict=True)
    }
    found = totals([*events, event(...), event(None)])
    assert found.keys() == expected.keys()
    for name, sums in expected.items():
        np.testing.assert_allclose(found[name], sums)


def test_what_is_no_number_is_left_out_and_its_event_counts() -> None:
    """Text, null, numbers without an end and objects of another kind take nothing else with them."""
    good = event({"x": 1})
    huge = good.replace(b'"x": 1', b'"x": 1e999, "quo\\"ted": 2')
    events = [event({"x": "1"}), event({"x": None}), event({"x": 1e150}), event([1]), huge, good]
    assert totals(events) == {"x": [1.0, 1.0, 1.0], 'quo"ted': [1.0, 2.0, 2.0]}


def test_features_that_no_spec_names_and_too_many_are_dropped() -> None:
    """The first features of the spec are followed, and no others."""
    names = [f"f{number}" for number in range(MAX_COLUMNS + 3)]
    features = [Feature(name=name, kind="numeric") for name in names]
    found = totals([event(dict.fromkeys([*names, "unheard"], 1.0))], features)
    assert list(found) == sorted(names[:MAX_COLUMNS], key=names.index)
    assert totals([event({"x": 1.0})], []) == {}
