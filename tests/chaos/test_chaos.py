"""The short form of `make chaos`: every fault once, two at a time, on real servers."""

import random
from pathlib import Path

import pytest

from loadtest.chaos import __main__ as chaos
from loadtest.chaos.faults import FAULTS


@pytest.mark.integration
@pytest.mark.timeout(1800)
def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    """Whatever strikes, every total, window, histogram, outcome and dead letter is what a plain computation says."""
    seed = random.randrange(1000)
    report = chaos.run(tmp_path, seed=seed, seconds=0.0, short=True, rate=500, outage=3.0, say=print)
    assert report.complaints == []
    assert report.differences == []
    assert report.faults.keys() >= FAULTS.keys()
    assert report.compared > 10_000
    assert report.lost_said >= report.lost
