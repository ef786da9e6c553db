"""Answers that became slow or began to fail, told once."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.latency_bins import latency_bin
from monitor_stream.events.tables import LATENCY_BINS
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.why.facts import Changed
from monitor_stream.judge.why.jumps import Jumps
from monitor_stream.judge.windows import OpenWindow


def window(
    at: int, seconds: float = 0.1, failing: float = 0.01, n: int = 250, *, timed: bool = True
) -> OpenWindow:
    """Five minutes of answers about so fast, of which such a share failed."""
    random = np.random.default_rng(at)
    sums = Sums()
    sums.add("traffic", Rows([""], np.array([[float(n), float(random.binomial(n, failing))]])))
    if timed:
        bins = latency_bin(seconds * random.lognormal(0.0, 0.5, n))
        sums.add("latencies", Rows([""], np.bincount(bins, minlength=LATENCY_BINS).astype(float)[None, :]))
    return OpenWindow(f"w{at}", at * 300, 300.0, sums)


def found(*windows: OpenWindow) -> list[Changed]:
    return Jumps("m", "1", Journal({})).take(windows)


def test_slow_answers_are_told_once() -> None:
    """With when it began, and the quantile before and now; not again while it lasts."""
    [change] = found(*(window(at, 0.1 if at < 10 else 0.4) for at in range(40)))
    assert (change.what, change.start, change.known) == ("latency", 3000.0, 3300.0)
    assert change.detail.startswith("95% of the answers took up to 0.")
    assert "usually up to 0.2" in change.detail


def test_failures_are_told_once() -> None:
    """And again, when they had gone."""
    failing = [0.01] * 10 + [0.2] * 5 + [0.01] * 40 + [0.2] * 2
    changes = found(*(window(at, failing=share) for at, share in enumerate(failing)))
    assert [(change.what, change.start) for change in changes] == [
        ("failures", 3000.0),
        ("failures", 55 * 300.0),
    ]
    assert "of the predictions failed, usually" in changes[0].detail


def test_noise_is_no_jump() -> None:
    """Weeks of windows that differ by chance, with and without answer times."""
    assert found(*(window(at) for at in range(2_000))) == []
    assert found(*(window(at, timed=False) for at in range(2_000))) == []


def test_nothing_is_told_before_it_is_known_what_is_usual() -> None:
    """A version that begins with failures has not jumped."""
    assert found(*(window(at, failing=0.5) for at in range(4))) == []


def test_a_restart_changes_nothing() -> None:
    """Restored after every window, the same is told."""
    windows = [window(at, 0.1 if at < 12 else 0.5, n=120) for at in range(30)]
    state, again = b"", list[Changed]()
    for each in windows:
        journal = Journal({})
        jumps = Jumps("m", "1", journal)
        if state:
            jumps.restore(state)
        again += jumps.take([each])
        state = next(data for name, data in journal.take().puts.items() if "jumps" in name)
    assert again == found(*windows)
    assert again
