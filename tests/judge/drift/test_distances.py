from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from scipy.spatial import distance as scipy_distance

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, Distance, NumericReference
from monitor_stream.judge.drift import distances
from monitor_stream.judge.drift.bins import Bins, NotComputableError, positions
from monitor_stream.judge.drift.distances import Measure
from tests.judge.drift.references import categorical, numeric

METHODS: tuple[Distance, ...] = get_args(Distance)


@st.composite
def pairs(draw: st.DrawFn, *, empty: bool = True) -> tuple[Floats, Floats]:
    """Shares of two histograms over the same 2 to 51 cells, with empty cells unless they are not wanted."""
    cells = draw(st.integers(2, 51))
    counts = npst.arrays(np.int64, cells, elements=st.integers(0 if empty else 1, 10**6))
    reference, now = (draw(counts.filter(lambda found: found.sum() > 0)) for _ in range(2))
    return reference / reference.sum(), now / now.sum()


@given(pairs())
def test_js_equals_scipy(pair: tuple[Floats, Floats]) -> None:
    """The Jensen-Shannon distance is SciPy's, empty cells and all."""
    theirs = scipy_distance.jensenshannon(*pair, base=2)
    # SciPy takes the root of a rounding error where the two are equal.
    assert distances.js(*pair) == pytest.approx(0.0 if math.isnan(theirs) else theirs, abs=1e-7)


@given(pairs(empty=False))
def test_psi_is_the_sum_of_both_relative_entropies(pair: tuple[Floats, Floats]) -> None:
    """PSI is KL one way plus KL the other way, and both are SciPy's, where every share is above the floor."""
    reference, now = (np.maximum(shares, 1e-4) for shares in pair)
    there, back = stats.entropy(now, reference), stats.entropy(reference, now)
    reference, now = reference / reference.sum(), now / now.sum()
    if min(reference.min(), now.min()) > 1e-4:
        assert distances.psi(reference, now) == pytest.approx(there + back, abs=1e-9)
        assert distances.kl(reference, now) == pytest.approx(there, abs=1e-9)


@given(pairs())
def test_tvd_is_half_the_city_block(pair: tuple[Floats, Floats]) -> None:
    """The total variation distance is half of SciPy's city block distance."""
    assert distances.tvd(*pair) == pytest.approx(scipy_distance.cityblock(*pair) / 2.0)


@given(pairs())
def test_hellinger_is_the_euclidean_distance_of_roots(pair: tuple[Floats, Floats]) -> None:
    """The Hellinger distance is SciPy's Euclidean distance of the roots, over √2."""
    theirs = scipy_distance.euclidean(*np.sqrt(pair)) / math.sqrt(2.0)
    assert distances.hellinger(*pair) == pytest.approx(theirs, abs=1e-9)


@given(pairs(empty=False))
def test_cramers_v_is_that_of_two_equal_samples(pair: tuple[Floats, Floats]) -> None:
    """V is SciPy's, of a contingency table whose two rows weigh the same."""
    whole = 10**12
    table = np.rint(np.array(pair) * whole).astype(np.int64) + 1
    theirs = stats.contingency.association(table, method="cramer")
    assert distances.cramers_v(*pair) == pytest.approx(theirs, abs=1e-6)


@given(pairs())
def test_ks_is_that_of_values_at_the_bins(pair: tuple[Floats, Floats]) -> None:
    """D over bins is the largest difference of the distribution functions."""
    reference, now = pair
    theirs = max(abs(reference[:stop].sum() - now[:stop].sum()) for stop in range(1, len(now)))
    assert distances.ks(*pair) == pytest.approx(theirs, abs=1e-12)


@given(pairs(), st.integers(0, 2**32 - 1))
def test_wasserstein_equals_scipy(pair: tuple[Floats, Floats], seed: int) -> None:
    """The Wasserstein distance is SciPy's, with each bin's values at its position."""
    at = np.sort(np.random.default_rng(seed).normal(size=len(pair[0])))
    theirs = stats.wasserstein_distance(at, at, *pair)
    assert distances.wasserstein(*pair, at) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_many_histograms_at_once_are_as_one_by_one(method: Distance) -> None:
    """Distances of an array of histograms are those of each."""
    rng = np.random.default_rng(3)
    reference = numeric(rng.normal(size=5_000))
    bins = Bins.of(reference)
    counts = rng.multinomial(700, bins.shares, size=(3, 2)).astype(np.float64)
    measure = Measure.of(bins, method, 700)
    assert measure(counts).shape == (3, 2)
    for place in np.ndindex(3, 2):
        assert measure(counts)[place] == pytest.approx(distances.distance(bins, method, counts[place]))


@pytest.mark.parametrize("shift", [0.1, 0.5, 2.0])
def test_wasserstein_of_bins_is_near_that_of_values(shift: float) -> None:
    """A shift of all values by so many standard deviations is told as such, within a twentieth of one."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=20_000)
    reference = numeric(values)
    found = distances.distance(Bins.of(reference), "wasserstein", counts(reference, values + shift))
    theirs = stats.wasserstein_distance(values, values + shift)
    # Where everything left its bins they say no more than that it is beyond them.
    assert found == pytest.approx(theirs, abs=0.05) if shift < 1.0 else 1.0 < found < theirs


def test_one_wild_value_in_the_reference_stretches_nothing() -> None:
    """The last bin's position comes from its neighbours, not from the maximum."""
    values = np.random.default_rng(5).normal(size=10_000)
    reference = numeric(np.append(values, 1e6))
    at = positions(reference) * reference.std
    assert 2.0 < at[-1] < 3.0


def counts(reference: NumericReference, values: Floats) -> Floats:
    found = np.bincount(np.searchsorted(reference.edges, values), minlength=len(reference.shares))
    return found.astype(np.float64)


@st.composite
def columns(draw: st.DrawFn) -> tuple[NumericReference | CategoricalReference, Floats]:
    """A column as bad as they come: constant, few-valued, huge, tiny; and a histogram that may be empty."""
    if draw(st.booleans()):
        finite = st.floats(-1e300, 1e300)
        few = st.sampled_from([0.0, 1.0, 1e-308, 5e-324, -7.5])
        values = draw(st.lists(draw(st.sampled_from([finite, few])), min_size=1, max_size=400))
        with np.errstate(over="ignore"):
            reference: NumericReference | CategoricalReference = numeric(np.array(values))
    else:
        names = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=50))
        reference = categorical({f"v{index}": float(count) for index, count in enumerate(names)})
    bins = len(reference.shares) + (0 if isinstance(reference, NumericReference) else 1)
    now = draw(npst.arrays(np.int64, bins, elements=st.integers(0, 10**6)))
    return reference, now.astype(np.float64)


@given(columns(), st.sampled_from(METHODS))
def test_a_distance_is_finite_or_has_a_reason(
    column: tuple[NumericReference | CategoricalReference, Floats], method: Distance
) -> None:
    """Whatever the column, its distance is a finite number from 0 on, or there is a reason why not."""
    reference, now = column
    try:
        value = distances.distance(Bins.of(reference), method, now)
    except NotComputableError as error:
        value = 0.0
        reason = str(error)
    else:
        reason = "computed"
    assert reason
    assert math.isfinite(value)
    assert value >= 0.0


@pytest.mark.parametrize("method", METHODS)
def test_the_reference_itself_is_at_no_distance(method: Distance) -> None:
    """A window with exactly the reference's shares is at distance 0."""
    reference = numeric(np.arange(4000.0))
    assert distances.distance(Bins.of(reference), method, np.full(40, 25.0)) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("shares", "now", "reason"),
    [
        ({"UA": 1.0}, [500.0, 0.0], "the reference has a single value"),
        ({"UA": 0.5, "AA": 0.5}, [0.0, 0.0, 0.0], "no values"),
        ({"UA": 0.5, "AA": 0.5}, [20.0, 20.0, 0.0], "40 values, fewer than 50"),
        ({"UA": 0.99, "AA": 0.01}, [500.0, 20.0, 0.0], "500 values are too few for shares so uneven"),
    ],
)
def test_what_cannot_be_computed_says_why(shares: dict[str, float], now: list[float], reason: str) -> None:
    """A column without a distance has its reason, in words."""
    with pytest.raises(NotComputableError, match=reason):
        distances.distance(Bins.of(categorical(shares)), "js", np.array(now))


def test_categories_have_no_axis() -> None:
    """Wasserstein of categories is refused."""
    with pytest.raises(NotComputableError, match="needs numbers"):
        distances.distance(
            Bins.of(categorical({"UA": 0.5, "AA": 0.5})), "wasserstein", np.array([90.0, 10, 0])
        )


def test_a_category_nobody_has_seen_is_a_cell_of_its_own() -> None:
    """New values that replace the rarest category one for one are a change."""
    bins = Bins.of(categorical({"UA": 0.5, "AA": 0.3, "DL": 0.2}))
    assert distances.distance(bins, "tvd", np.array([500.0, 300.0, 0.0, 200.0])) == pytest.approx(0.2)


def test_psi_of_a_numeric_column_is_that_of_deciles() -> None:
    """Forty bins make ten, four each."""
    reference = numeric(np.arange(4000.0))
    now = np.arange(1.0, 41.0) * 10.0
    merged = now.reshape(10, 4).sum(axis=1)
    theirs = distances.psi(np.full(10, 0.1), merged / merged.sum())
    assert distances.distance(Bins.of(reference), "psi", now) == pytest.approx(theirs)
