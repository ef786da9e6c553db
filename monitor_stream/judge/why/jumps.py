"""Answers that became slow, or began to fail: no reason for an incident where no objective says so, but a lead for others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.latency_bins import quantile
from monitor_stream.events.tables import LATENCY_BINS
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.quality.tails import least_share
from monitor_stream.judge.service import MIN_PREDICTIONS, slower
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.why.facts import Changed, What
from monitor_stream.judge.windows import OpenWindow

#: Predictions that must be known before one can tell what is usual, and how fast it fades: about the last ten runs count.
ENOUGH: Final = 1_000
FADES: Final = 0.9
#: A jump is one that chance makes once in so many looks, and that somebody would notice.
CHANCE: Final = 1e-6
NOTICED_FAILURES: Final = 0.01
NOTICED_LATENCY: Final = 1.5
_QUANTILE: Final = 0.95


class Answers(msgspec.Struct, array_like=True):
    """How some predictions were answered: sums, which fade where they are of what is usual."""

    start: float = math.inf
    end: float = -math.inf
    predictions: float = 0.0
    failed: float = 0.0
    latencies: list[float] = []

    def add(self, other: Answers, keep: float = 1.0) -> None:
        """Add others; of what there was before a part is kept."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.predictions = keep * self.predictions + other.predictions
        self.failed = keep * self.failed + other.failed
        if self.latencies or other.latencies:
            self.latencies = (keep * self.counts + other.counts).tolist()

    @property
    def counts(self) -> Floats:
        """Answers by `monitor_stream.events.latency_bins`."""
        return np.array(self.latencies) if self.latencies else np.zeros(LATENCY_BINS)


class JumpsState(msgspec.Struct, array_like=True):
    """What is kept of a version; `jumped` names what has, and has not come back."""

    run: Answers = msgspec.field(default_factory=Answers)
    usual: Answers = msgspec.field(default_factory=Answers)
    jumped: list[What] = []


class Jumps:
    """Adds closed windows up to runs of `MIN_PREDICTIONS`, and holds each against the runs before.

    A jump is told once, when it begins. While it lasts nothing is learned of what is usual.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("jumps", model, version)
        self._journal = journal
        self._state = JumpsState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._state = unpack(JumpsState, data)

    def take(self, closed: Iterable[OpenWindow]) -> list[Changed]:
        """Take in windows that have closed, in their order; what jumped in the runs that they filled."""
        found: list[Changed] = []
        for window in closed:
            state = self._state
            state.run.add(_answers(window.sums, window.start, window.end))
            if state.run.predictions >= MIN_PREDICTIONS:
                found += self._judge(state.run)
                if not state.jumped:
                    state.usual.add(state.run, FADES)
                state.run = Answers()
            self._journal.put(self._field, lambda: pack(self._state))
        return found

    def _judge(self, run: Answers) -> list[Changed]:
        state = self._state
        if state.usual.predictions < ENOUGH:
            return []
        jumps = dict(_jumps(run, state.usual))
        new = [what for what in jumps if what not in state.jumped]
        state.jumped = sorted(jumps)
        return [Changed(run.end, run.start, run.end, what, jumps[what]) for what in new]


def _answers(sums: Sums, start: float, end: float) -> Answers:
    counts = sums.row("latencies")
    return Answers(
        start,
        end,
        float(sums.total("traffic", 0)),
        float(sums.total("traffic", 1)),
        [] if counts is None else counts.tolist(),
    )


def _jumps(run: Answers, usual: Answers) -> Iterator[tuple[What, str]]:
    """What of a run is worse than usual by more than chance, and enough to be noticed; in a sentence."""
    before, now = usual.failed / usual.predictions, run.failed / run.predictions
    if now > max(least_share(run.predictions, before, 0.0, CHANCE), 2.0 * before, before + NOTICED_FAILURES):
        yield "failures", f"{100 * now:.3g}% of the predictions failed, usually {100 * before:.2g}%"
    then, answered = usual.counts, run.counts
    fast, slow = quantile(then, _QUANTILE), quantile(answered, _QUANTILE)
    if fast is None or slow is None or slow < NOTICED_LATENCY * fast:
        return
    beyond = slower(answered, fast) / answered.sum()
    if beyond > least_share(float(answered.sum()), slower(then, fast) / float(then.sum()), 0.0, CHANCE):
        yield "latency", f"95% of the answers took up to {slow:.2g} s, usually up to {fast:.2g} s"
