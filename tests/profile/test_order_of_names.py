"""The order of categories outlives JSON, whose keys are sorted when a spec is published."""

import numpy as np
import pyarrow as pa

from monitor_stream.events.codec import decode_spec, encode_json
from monitor_stream.events.spec import CategoricalReference, ModelSpec
from monitor_stream.judge.drift.reference import categorical_reference
from monitor_stream.profile import profile


def made() -> ModelSpec:
    """A regression whose error hangs on a category, the commonest of which has the last name."""
    rng = np.random.default_rng(3)
    kinds = rng.choice(["z", "m", "a", "b"], 4000, p=[0.5, 0.3, 0.15, 0.05])
    label = rng.normal(size=4000)
    return profile(
        pa.table(
            {
                "kind": kinds,
                "sure": rng.random(4000) < 0.9,
                "label": label,
                "prediction": label + rng.normal(size=4000) * np.where(kinds == "z", 9.0, 0.5),
            }
        ),
        model="m",
        version="1",
        task="regression",
        prediction="prediction",
        label="label",
    )


def test_a_published_spec_has_its_categories_in_the_same_places() -> None:
    """What counts by place (weights, components, seasons, pairs) finds the same categories after the spec was published."""
    before = made()
    after = decode_spec(encode_json(before))
    for one, other in zip(before.features, after.features, strict=True):
        assert isinstance(one.reference, CategoricalReference)
        assert isinstance(other.reference, CategoricalReference)
        assert list(one.reference.shares) == list(other.reference.shares) == sorted(one.reference.shares)
    assert before.estimator is not None
    assert before.estimator.loss is not None
    weights = before.estimator.loss.weights["kind"]
    kind = before.features[0].reference
    assert isinstance(kind, CategoricalReference)
    assert int(np.argmax(weights[:4])) == list(kind.shares).index("z")


def test_a_learned_reference_has_them_too() -> None:
    """As one that was profiled."""
    learned = categorical_reference({"z": 9, "a": 4, "m": 2}, 15)
    assert list(learned.shares) == ["a", "m", "z"]
