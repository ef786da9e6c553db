"""What is estimated before labels, on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.evaluation import bike, carloan, estimates, flights

# The first run fetches the data, and the flights are ten months.
pytestmark = pytest.mark.timeout(600)


def test_car_loans_are_estimated_as_nannyml_estimates_them() -> None:
    """AUC and accuracy of each window, estimated and realised, within .002 of what NannyML 0.13.1 says."""
    windows = carloan.defaults().windows
    for (metric, side), known in estimates.KNOWN.items():
        values = [estimates._of(window, metric, side) for window in windows]
        assert values == pytest.approx(known, abs=0.002)
    held = estimates._held(windows[: carloan.HALF])
    assert held["accuracy"] == held["auc"] == 1.0


def test_input_that_moves_contradicts_nothing() -> None:
    """Car loans: estimates fall with the truth. The page is for the loss that is foretold, not for a contradiction."""
    found = carloan.defaults()
    contradiction = found.models["car-loan"].versions["1"].contradiction
    assert contradiction is not None
    assert contradiction.times == 0
    signals = {signal for incident in found.incidents for signal in incident.signals}
    assert "contradiction" not in signals
    assert "estimated_error" in signals


def test_concept_drift_is_where_estimates_lie_and_it_is_said() -> None:
    """Flights are marked in summer and in December, and not in the good autumn; bikes from September 2011 to the end."""
    marks = [(spell.since.month, spell.until) for spell in estimates.spells(flights.judge().found.windows)]
    assert {month for month, _ in marks} <= {6, 7, 8, 12}
    assert len(marks) >= 2
    of_bikes = list(estimates.spells(bike.judge()[1].windows))
    assert [(f"{spell.since:%Y-%m}", spell.until) for spell in of_bikes] == [("2011-09", None)]
    contradiction = bike.judge()[1].models["bike-demand"].versions["1"].contradiction
    assert contradiction is not None
    assert contradiction.labels < 3_000
    assert np.sign(contradiction.low) == np.sign(contradiction.high) == 1.0
