"""The short form of `make chaos`: every fault once, two at a time, on real servers."""

from pathlib import Path

import pytest

from loadtest.chaos import __main__ as chaos
from loadtest.chaos.faults import FAULTS


@pytest.mark.chaos
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    """Whatever strikes, every total, window, histogram, outcome and dead letter is what a plain computation says."""
    report = chaos.run(tmp_path, seed=7, seconds=0.0, short=True, rate=800, outage=3.0)
    assert report.complaints == []
    assert report.differences == []
    assert report.faults.keys() >= FAULTS.keys()
    assert report.compared > 10_000
    assert report.lost_said >= report.lost > 0
