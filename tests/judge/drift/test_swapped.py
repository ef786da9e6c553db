from __future__ import annotations

import numpy as np
import pytest

from monitor_stream.events.delta import Floats
from monitor_stream.judge.drift.swapped import Held, rebin, swapped
from tests.judge.drift.references import categorical, numeric

RNG = np.random.default_rng(11)
N = 20_000
VALUES: dict[str, Floats] = {
    "distance": RNG.lognormal(7.0, 0.6, N),
    "hour": RNG.integers(5, 24, N).astype(np.float64),
    "delay": RNG.normal(10.0, 30.0, N),
    "humidity": RNG.uniform(20.0, 100.0, N),
    "late": (RNG.random(N) < 0.3).astype(np.float64),
}
REFERENCES = {name: numeric(values) for name, values in VALUES.items()}


def held(name: str, values: Floats, *, mean: bool = True) -> Held:
    """A numeric column that holds these values now."""
    reference = REFERENCES[name]
    bins = np.searchsorted(reference.edges, values)
    counts = np.bincount(bins, minlength=len(reference.shares)).astype(np.float64)
    moments = (float(values.mean()), float(values.std())) if mean else (None, None)
    return Held(name=name, reference=reference, counts=counts, mean=moments[0], std=moments[1])


def columns(exchange: dict[str, str], n: int, *, mean: bool = True) -> list[Held]:
    """All columns; those that `exchange` names hold the values of another."""
    rng = np.random.default_rng(n)
    return [held(name, rng.choice(VALUES[exchange.get(name, name)], n), mean=mean) for name in VALUES]


@pytest.mark.parametrize("n", [300, 5_000])
@pytest.mark.parametrize(
    ("one", "other"),
    [(one, other) for place, one in enumerate(VALUES) for other in list(VALUES)[place + 1 :]],
)
def test_two_swapped_columns_are_named(one: str, other: str, n: int) -> None:
    """Any two of five features, of the same magnitude or not, are named when they were swapped, and no others."""
    assert swapped(columns({one: other, other: one}, n)) == [(one, other)]


def test_without_means_bins_must_tell() -> None:
    """Bins of columns that overlap are enough; where all values lie beyond the other's bins nothing is claimed."""
    both = {"delay": "humidity", "humidity": "delay"}
    assert swapped(columns(both, 2_000, mean=False)) == [("delay", "humidity")]
    far = {"distance": "late", "late": "distance"}
    assert swapped(columns(far, 2_000, mean=False)) == []


def test_a_ring_of_three_is_named_pair_by_pair() -> None:
    """Columns that moved on by one: each is named with the one whose values it holds."""
    ring = {"distance": "hour", "hour": "delay", "delay": "distance"}
    assert swapped(columns(ring, 1_000)) == [("distance", "hour"), ("hour", "delay"), ("delay", "distance")]


def test_nothing_is_named_when_nothing_moved() -> None:
    """Fifty windows in order name nothing."""
    assert [swapped(columns({}, 200 + seed)) for seed in range(50)] == [[]] * 50


def test_a_feature_that_comes_to_resemble_another_is_no_swap() -> None:
    """One column with another's values, while that one keeps its own, is not named."""
    assert swapped(columns({"humidity": "delay"}, 1_000)) == []


def test_two_that_look_alike_are_never_named() -> None:
    """Temperature and felt temperature, both moved, or swapped: nobody could tell."""
    rng = np.random.default_rng(5)
    base = rng.normal(15.0, 8.0, N)
    references = {"temp": numeric(base), "felt": numeric(base + rng.normal(0.0, 1.0, N))}
    for shift in (0.0, 20.0):
        now = []
        for name, reference in references.items():
            values = rng.normal(15.0 + shift, 8.0, 2_000)
            counts = np.bincount(np.searchsorted(reference.edges, values), minlength=len(reference.shares))
            now.append(
                Held(
                    name=name,
                    reference=reference,
                    counts=counts.astype(np.float64),
                    mean=float(values.mean()),
                    std=float(values.std()),
                )
            )
        assert swapped(now) == []


def test_categories_are_told_by_the_names_of_unseen_values() -> None:
    """Origin and carrier, swapped: the names are each other's; a third column of new names is none of it."""
    origin = categorical({"JFK": 0.4, "LGA": 0.3, "EWR": 0.3})
    carrier = categorical({"UA": 0.5, "AA": 0.3, "DL": 0.2})
    state = categorical({"NY": 0.9, "NJ": 0.1})
    now = [
        Held(name="origin", reference=origin, counts=np.array([0, 0, 0, 1000.0]), unseen={"UA": 510, "AA": 310, "DL": 180}),
        Held(name="carrier", reference=carrier, counts=np.array([0, 0, 0, 1000.0]), unseen={"JFK": 390, "EWR": 310, "LGA": 300}),
        Held(name="state", reference=state, counts=np.array([0, 0, 1000.0]), unseen={"CA": 1000}),
    ]  # fmt: skip
    assert swapped(now) == [("origin", "carrier")]
    # Only the first names of unseen values are told.
    now[0] = Held(name="origin", reference=origin, counts=now[0].counts, unseen={"UA": 510, "AA": 310})
    assert swapped(now) == [("origin", "carrier")]


@pytest.mark.parametrize("one", VALUES)
@pytest.mark.parametrize("other", VALUES)
def test_a_rebinned_reference_is_near_the_true_shares(one: str, other: str) -> None:
    """The shares of one column in the bins of another, from their references alone, are those of its values."""
    edges = REFERENCES[other].edges
    true = np.bincount(np.searchsorted(edges, VALUES[one]), minlength=len(edges) + 1) / N
    found = rebin(REFERENCES[one], REFERENCES[other])
    assert found.sum() == pytest.approx(1.0)
    assert np.abs(found - true).sum() / 2.0 < 0.05
