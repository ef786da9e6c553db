from __future__ import annotations

import numpy as np
import pytest

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Calibration, NumericReference
from monitor_stream.judge.drift.budget import critical
from monitor_stream.judge.drift.columns import Column, judge_columns
from monitor_stream.judge.drift.methods import FLOORS, default_methods, methods
from monitor_stream.judge.drift.season import hours, seasonal
from monitor_stream.judge.drift.simulation import calibrate
from tests.judge.drift.references import categorical, numeric

RNG = np.random.default_rng(21)
DELAY = numeric(RNG.lognormal(3.0, 1.0, 20_000))
CARRIER = categorical({"UA": 50, "AA": 30, "DL": 20}, n=20_000)
LAWS: dict[str, list[Calibration]] = {
    "delay": [calibrate(DELAY, "wasserstein"), calibrate(DELAY, "psi")],
    "carrier": [calibrate(CARRIER, "js")],
}


def delay(values: Floats) -> Column:
    counts = np.bincount(np.searchsorted(DELAY.edges, values), minlength=40).astype(np.float64)
    return Column(name="delay", reference=DELAY, counts=counts, calibrations=LAWS["delay"])


def carrier(*counts: float) -> Column:
    return Column(name="carrier", reference=CARRIER, counts=np.array(counts), calibrations=LAWS["carrier"])


def test_a_column_that_moved_is_found_and_told() -> None:
    """Its value exceeds the threshold, the p-value is small, and the top names where the values went."""
    [moved, same] = judge_columns(
        [delay(RNG.lognormal(3.7, 1.0, 2_000)), carrier(1_000, 600, 400, 0)], alpha=0.03
    )
    assert moved.drifted
    assert not same.drifted
    assert moved.value is not None
    assert moved.threshold is not None
    assert moved.value > moved.threshold
    assert moved.p_value is not None
    assert moved.p_value < 1e-6
    assert set(moved.others) == {"psi"}
    part, before, now = moved.top[0]
    assert part.startswith("above ")
    assert before == pytest.approx(0.1)
    assert now > 0.2
    assert same.top == []


def test_a_million_values_do_not_make_a_trifle_drift() -> None:
    """A difference beyond all chance stays below the floor, and its threshold is the floor plus what chance adds."""
    [found] = judge_columns([carrier(530_000, 285_000, 185_000, 0)], alpha=0.03)
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert not found.drifted
    assert found.expected is not None
    assert found.threshold == pytest.approx(found.expected + FLOORS["js"])


def test_a_floor_can_be_lowered() -> None:
    """Who cares for less says so by method."""
    [found] = judge_columns([carrier(530_000, 285_000, 185_000, 0)], alpha=0.03, floors={"js": 0.001})
    assert found.drifted


def test_thresholds_are_those_of_benjamini_and_hochberg() -> None:
    """Without floors, what drifted is what the p-values of the family reject."""
    rng = np.random.default_rng(3)
    for alpha in (0.05, 0.5):
        columns = [carrier(*rng.multinomial(700, [0.5, 0.3, 0.2]), 0.0) for _ in range(20)]
        columns += [carrier(*rng.multinomial(700, [0.45, 0.33, 0.22]), 0.0) for _ in range(5)]
        found = judge_columns(columns, alpha, floors=dict.fromkeys(FLOORS, -1.0))
        p_values = [column.p_value for column in found if column.p_value is not None]
        assert [column.drifted for column in found] == list(np.array(p_values) <= critical(p_values, alpha))


def test_what_cannot_be_judged_says_why_and_leaves_the_family() -> None:
    """An empty, a constant, a small and a foreign histogram have a reason, and take nothing from the others' level."""
    constant = numeric(np.full(100, 4.0))
    alone = judge_columns([carrier(800, 600, 400, 0)], 0.03)
    found = judge_columns(
        [
            carrier(800, 600, 400, 0),
            carrier(0, 0, 0, 0),
            Column(name="constant", reference=constant, counts=np.array([1000.0])),
            carrier(20, 20, 20, 0),
            Column(name="foreign", reference=CARRIER, counts=np.ones(7)),
        ],
        0.03,
        min_samples=100,
    )
    assert [found[0]] == alone
    assert [column.not_computable for column in found[1:]] == [
        "no values",
        "the reference has a single value",
        "60 values, fewer than 100",
        "the values were counted by other bins than the reference has",
    ]
    assert all(column.value is None and not column.drifted for column in found[1:])


def test_columns_without_calibration_are_judged_by_closed_forms() -> None:
    """A spec made by hand is judged by the default method of its kind, for this n."""
    column = Column(name="delay", reference=DELAY, counts=delay(RNG.lognormal(3.7, 1.0, 2_000)).counts)
    [found] = judge_columns([column], 0.03)
    assert found.drifted
    assert found.method == "wasserstein"
    assert set(found.others) == {"psi", "ks"}


def test_defaults_follow_kind_and_size() -> None:
    """Small samples are tested, large ones measured; few bins are categories; wild values make σ deaf."""
    assert default_methods(DELAY, 500)[0] == "ks"
    assert default_methods(DELAY, 5_000)[0] == "wasserstein"
    assert default_methods(numeric(np.array([0.0, 1.0] * 50)), 5_000)[0] == "js"
    assert default_methods(numeric(RNG.pareto(0.8, 20_000)), 5_000)[0] == "psi"
    assert default_methods(CARRIER, 500)[0] == "chi2"
    assert "wasserstein" not in methods(CARRIER)
    assert set(methods(DELAY)) == set(FLOORS)


def seasons() -> tuple[NumericReference, Floats]:
    """A reference whose values are 10 higher on weekends, and its edges."""
    rng = np.random.default_rng(8)
    hour = rng.integers(0, 168, 50_000)
    values = rng.normal(0.0, 3.0, 50_000) + np.where(hour >= 120, 10.0, 0.0)
    reference = numeric(values)
    at = np.searchsorted(reference.edges, values)
    by_hour = [np.bincount(at[hour == index], minlength=40) for index in range(168)]
    shares = [(counts / counts.sum()).tolist() for counts in by_hour]
    return NumericReference(
        **{name: getattr(reference, name) for name in reference.__struct_fields__ if name != "seasons"},
        seasons=shares,
    ), np.array(reference.edges)


def test_a_weekend_is_no_drift_where_the_reference_knows_its_hours() -> None:
    """Held against its hours a Saturday is as usual; held against the whole it is not."""
    reference, edges = seasons()
    saturday = np.zeros(168)
    saturday[120:144] = 100.0
    values = np.random.default_rng(9).normal(10.0, 3.0, 2_400)
    counts = np.bincount(np.searchsorted(edges, values), minlength=40).astype(np.float64)
    column = Column(name="a", reference=reference, counts=counts)
    assert judge_columns([column], 0.03)[0].drifted
    column = Column(name="a", reference=reference, counts=counts, bins=seasonal(reference, saturday))
    [found] = judge_columns([column], 0.03)
    assert not found.drifted
    assert found.p_value is not None
    assert found.p_value > 0.001


def test_hours_are_those_of_the_week_in_utc() -> None:
    """Monday 2024-01-01 00:00 UTC is hour 0, Sunday 23:00 hour 167."""
    monday = 1_704_067_200.0
    found = hours(np.array([monday, monday + 167 * 3600.0 + 1800.0]), np.array([1.0, 2.0]))
    assert found[0] == 1.0
    assert found[167] == 2.0
    assert found.sum() == 3.0
