"""Checks on values, on sums made of raw values."""

from typing import Any

import numpy as np
import pytest

from monitor_stream.events.spec import CategoricalReference, Feature, NumericReference
from monitor_stream.judge.quality.schema import LIMITS, check_records
from monitor_stream.judge.quality.values import Check, check_values

ALPHA = 1e-4
AGE = Feature(
    name="age",
    kind="numeric",
    minimum=0.0,
    maximum=100.0,
    reference=NumericReference(
        n=10_000,
        missing=0.1,
        mean=40.0,
        std=10.0,
        minimum=0.0,
        maximum=100.0,
        edges=[30.0, 40.0, 50.0],
        shares=[0.25] * 4,
    ),
)
CITY = Feature(
    name="city",
    kind="categorical",
    reference=CategoricalReference(n=10_000, missing=0.0, shares={"a": 0.7, "b": 0.3}, distinct=2),
)


def row(values: Any = (), *, missing: int = 0, wrong: int = 0, outside: int = 0, unseen: int = 0) -> Any:
    """The sums of numbers, centred on the mean of `AGE`, and of so many faults."""
    centred = np.asarray(values, np.float64) - 40.0
    n = len(centred) + missing + wrong
    return np.array([n, missing, wrong, outside, unseen, centred.sum(), (centred**2).sum()])


def firing(feature: Feature, sums: Any, **unseen: float) -> dict[str, Check]:
    return {check.name: check for check in check_values(feature, sums, unseen, ALPHA) if check.firing}


def ages(n: int) -> Any:
    return np.random.default_rng(n).normal(40.0, 10.0, n)


def test_what_is_as_the_reference_is_quiet() -> None:
    """A tenth missing, a tenth usual: no check fires, and all are told."""
    sums = row(ages(450), missing=50)
    assert not firing(AGE, sums)
    assert [check.name for check in check_values(AGE, sums, {}, ALPHA)] == [
        "missing",
        "wrong_type",
        "out_of_range",
    ]


def test_more_missing_values_than_usual_fire_by_their_share() -> None:
    """110 of 500 where 50 are usual; the sentence has both shares."""
    found = firing(AGE, row(ages(390), missing=110))
    assert set(found) == {"missing"}
    check = found["missing"]
    assert (check.faults, check.n, check.usual) == (110, 500, 0.1)
    assert check.limit < 0.22
    assert check.detail == "age is missing in 22% of 500 values, usually in 10%."


def test_a_real_difference_that_nobody_cares_for_is_quiet() -> None:
    """10.5 % of a million is beyond chance, and half a percent more than usual."""
    sums = row(np.tile([30.0, 50.0], 447_500), missing=105_000)
    (missing, *_) = check_values(AGE, sums, {}, ALPHA)
    assert missing.chance < 1e-12
    assert not missing.firing


@pytest.mark.parametrize(("name", "faults"), [("wrong_type", {"wrong": 4}), ("out_of_range", {"outside": 5})])
def test_a_fault_that_the_reference_never_had_needs_few(name: str, faults: dict[str, int]) -> None:
    """A handful in 500 is beyond what 10,000 reference values could hide."""
    assert set(firing(AGE, row(ages(500 - faults.get("wrong", 0)), **faults))) == {name}
    assert not firing(AGE, row(ages(500), outside=1))


def test_unseen_values_are_named_the_commonest_first() -> None:
    """The sentence names them; one alone is what Good and Turing expect."""
    sums = np.array([500.0, 0, 0, 0, 8, 0, 0])
    found = firing(CITY, sums, c=3.0, d=5.0)
    assert found["unseen"].detail == (
        "city has values the reference never had ('d' 5 times, 'c' 3 times) in 1.6% of 500 values, usually in 0.005%."
    )
    assert not firing(CITY, np.array([500.0, 0, 0, 0, 1, 0, 0]), c=1.0)


def test_where_the_reference_names_not_all_values_none_is_unseen() -> None:
    """A reference with a rest cannot tell."""
    some = CategoricalReference(n=100, missing=0.0, shares={"a": 0.9}, other=0.1)
    feature = Feature(name="city", kind="categorical", reference=some)
    assert [check.name for check in check_values(feature, np.array([500.0] + [0.0] * 6), {}, ALPHA)] == [
        "missing",
        "wrong_type",
    ]


def test_a_feature_without_a_reference_or_values_says_nothing() -> None:
    """No reference, no checks; all missing fires as missing alone."""
    assert not list(check_values(Feature(name="age", kind="numeric"), row(ages(500)), {}, ALPHA))
    assert set(firing(AGE, row([], missing=500))) == {"missing"}


def test_events_that_do_not_fit_fire_by_their_share() -> None:
    """Each record-level check is told, and fires above its limit."""
    checks = {
        check.name: check for check in check_records({"absent_feature": 30.0, "duplicate": 40.0}, 1000.0)
    }
    assert set(checks) == set(LIMITS)
    assert [name for name, check in checks.items() if check.firing] == ["absent_feature"]
    assert checks["absent_feature"].detail == "3% of 1,000 predictions lack a feature that the spec names."
