"""Components of vectors, which have rows in the table `features` that only drift has a use for."""

from __future__ import annotations

from collections.abc import Sequence

from monitor_stream.events.delta import Ints
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import MAX_COMPONENTS, split_component
from monitor_stream.judge.sums import Rows, chosen


def vectors(spec: ModelSpec) -> list[str]:
    """The features that are vectors, in the order of the spec."""
    return [feature.name for feature in spec.features if feature.kind == "vector"]


def are_components(groups: Sequence[str], spec: ModelSpec) -> list[bool]:
    """Which groups of `features` are components of vectors.

    Where a spec names no features, those that have a row of the norm are vectors: both come of the same values.

    >>> from monitor_stream.events.spec import Feature
    >>> names = ["v", "v[0]", "v[x]", "w[0]"]
    >>> described = ModelSpec(model="m", task="binary", features=[Feature(name="v", kind="vector")])
    >>> are_components(names, described), are_components(names, ModelSpec(model="m", task="binary"))
    ([False, True, False, False], [False, True, False, False])
    """
    features = {feature.name for feature in spec.features}
    of = set(vectors(spec) if features else groups)
    return [bool(of) and group not in features and _vector(group) in of for group in groups]


def without_components(windows: Ints, rows: Rows, spec: ModelSpec) -> tuple[Ints, Rows]:
    """Rows of `features` that are features: of a vector that of its norm."""
    components = are_components(rows.groups, spec)
    return chosen(windows, rows, [not each for each in components]) if any(components) else (windows, rows)


def _vector(group: str) -> str | None:
    found = split_component(group)
    return None if found is None or found[1] >= MAX_COMPONENTS else found[0]
