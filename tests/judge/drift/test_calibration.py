from __future__ import annotations

import math
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.evaluation import null
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Calibration, Distance
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.calibration import expected, p_value, threshold
from monitor_stream.judge.drift.closed_forms import closed_form
from monitor_stream.judge.drift.distances import Measure
from monitor_stream.judge.drift.simulation import calibrate
from monitor_stream.judge.drift.spread import design_effect
from tests.judge.drift.references import categorical, numeric

METHODS: tuple[Distance, ...] = get_args(Distance)
M = 10_000
LOGNORMAL = numeric(np.random.default_rng(1).lognormal(size=M))
CARRIERS = categorical({"UA": 40, "AA": 25, "DL": 15, "B6": 9, "US": 5, "WN": 3, "VX": 2, "OO": 1, "HA": 0.3})


def windows(bins: Bins, method: Distance, n: int, trials: int) -> Floats:
    """Distances of windows in which nothing has moved, by brute force."""
    rng = np.random.default_rng(2)
    truth = rng.dirichlet(np.maximum(bins.shares, 1e-12) * M, size=trials)
    return Measure.of(bins, method, n)(rng.multinomial(n, truth).astype(np.float64))


@pytest.mark.parametrize("n", [150, 1_000, 30_000])
@pytest.mark.parametrize("method", METHODS)
def test_the_tail_is_that_of_brute_force(method: Distance, n: int) -> None:
    """At .01 the threshold is exceeded by .7 to 1.4 times as many windows, between the calibrated sizes too."""
    values = windows(Bins.of(LOGNORMAL), method, n, 40_000)
    law = calibrate(LOGNORMAL, method)
    rate = np.mean(values >= threshold(law, 0.01, n, M))
    # Total variation of deciles takes few values: steps of a quarter of its tail at 150.
    assert 0.007 < rate < 0.014
    assert expected(law, n, M) == pytest.approx(values.mean(), rel=0.06)


@pytest.mark.parametrize("n", [300, 5_000])
@pytest.mark.parametrize("method", ["psi", "js", "chi2", "tvd"])
def test_rare_classes_alarm_no_more_often(method: Distance, n: int) -> None:
    """Classes that are folded at one size and not at the next keep the level in between."""
    values = windows(Bins.of(CARRIERS), method, n, 40_000)
    rate = np.mean(values >= threshold(calibrate(CARRIERS, method), 0.01, n, M))
    assert 0.007 < rate < 0.013


@pytest.mark.parametrize("method", METHODS)
def test_closed_forms_stand_in(method: Distance) -> None:
    """Without calibration thresholds at .01 are within a fifth of the simulated ones at a thousand values."""
    form, law = closed_form(Bins.of(LOGNORMAL), method), calibrate(LOGNORMAL, method)
    assert threshold(form, 0.01, 1_000, M) == pytest.approx(threshold(law, 0.01, 1_000, M), rel=0.2)
    assert expected(form, 1_000, M) == pytest.approx(expected(law, 1_000, M), rel=0.15)


def test_the_null_study_finds_the_stated_rates() -> None:
    """The study that is published, small: every distance of three kinds of column at three sizes."""
    rates = null.study(
        ("heavy-tailed", "few-valued", "rare classes"),
        levels=(0.01,),
        sizes=(100, 1_000, 20_000),
        trials=24_000,
        references=2,
    )
    assert len(rates) == 3 * (8 + 8 + 6)
    assert [rate for rate in rates if not 0.6 < rate.rate / rate.level < 1.4] == []


@given(
    st.sampled_from(METHODS),
    st.floats(1e-9, 0.5),
    st.floats(50.0, 1e7),
    st.floats(50.0, 1e7),
    st.floats(1.0, 10.0),
)
def test_threshold_and_p_value_are_inverse(
    method: Distance, alpha: float, n: float, m: float, effect: float
) -> None:
    """The p-value of a threshold is its level."""
    law = Calibration(
        method=method, sizes=[50, 500], shapes=[1.5, 4.5], scales=[0.4, 2.0], design_effect=effect
    )
    assert p_value(law, threshold(law, alpha, n, m), n, m) == pytest.approx(alpha, rel=1e-6)


def test_a_calibration_follows_from_its_reference() -> None:
    """The same reference gives the same bits, and they survive JSON."""
    law = calibrate(CARRIERS, "js")
    assert calibrate(CARRIERS, "js") == law
    assert msgspec.json.decode(msgspec.json.encode(law), type=Calibration) == law
    form = closed_form(Bins.of(CARRIERS), "psi")
    assert msgspec.json.decode(msgspec.json.encode(form), type=Calibration) == form


def test_a_constant_column_has_no_calibration() -> None:
    """The reason is given instead."""
    with pytest.raises(NotComputableError, match="single value"):
        calibrate(numeric(np.full(100, 3.0)), "psi")


def spans(bins: Bins, count: int, concentration: float, seed: int) -> Floats:
    """Spans of 500 values whose shares differ as those of `concentration` values do."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(bins.shares * concentration, size=count)
    return rng.multinomial(500, truth).astype(np.float64)


def effect(law: Calibration, bins: Bins, counts: Floats) -> float:
    """The design effect of spans that make up their reference."""
    return design_effect(law, bins.standing_in(counts.sum(axis=0)), counts).design_effect


@pytest.mark.parametrize("method", ["psi", "js", "wasserstein", "ks"])
def test_alike_rows_stretch_the_law(method: Distance) -> None:
    """Where spans differ as if each held a quarter of its values, the design effect is about four."""
    bins = Bins.of(LOGNORMAL)
    law = calibrate(LOGNORMAL, method)
    effects = [effect(law, bins, spans(bins, 40, 500 / 3, seed)) for seed in range(20)]
    assert np.mean(effects) == pytest.approx(4.0, rel=0.2)


def test_independent_rows_do_not() -> None:
    """Of references with independent rows nine in ten keep an effect of exactly 1."""
    bins = Bins.of(LOGNORMAL)
    law = calibrate(LOGNORMAL, "psi")
    effects = [effect(law, bins, spans(bins, 30, 1e9, seed)) for seed in range(40)]
    assert np.mean(np.array(effects) == 1.0) >= 0.9


def test_one_storm_among_the_spans_excuses_no_other() -> None:
    """A single span that is nothing like the others changes the effect little."""
    bins = Bins.of(LOGNORMAL)
    law = calibrate(LOGNORMAL, "psi")
    calm = spans(bins, 30, 1e9, 1)
    storm = np.zeros(40)
    storm[-1] = 500.0
    found = design_effect(law, bins, np.vstack((calm, storm)))
    assert found.design_effect < 1.3
    assert found.spans == 31


def test_few_or_empty_spans_say_nothing() -> None:
    """With five spans, and with spans of a handful of values, rows are taken to be independent."""
    bins = Bins.of(LOGNORMAL)
    law = calibrate(LOGNORMAL, "psi")
    assert design_effect(law, bins, spans(bins, 5, 50.0, 1)) == law
    assert design_effect(law, bins, np.zeros((100, 40))) == law
    assert math.isclose(calibrate(LOGNORMAL, "psi", spans=np.ones((30, 40))).design_effect, 1.0)
