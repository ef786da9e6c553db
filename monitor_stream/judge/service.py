"""How a version answers: how fast, and how often not at all, against the objective that its spec names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.latency_bins import BOUNDS, quantile
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import ModelSpec, ServiceRules
from monitor_stream.events.tables import LATENCY_BINS
from monitor_stream.judge.persist import Journal, key
from monitor_stream.judge.quality.tails import least_share
from monitor_stream.judge.runs import Run, Runs
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow

#: Quantiles of the answer time that a window tells, as they are named.
QUANTILES: Final = ("0.5", "0.9", "0.95", "0.99")
#: Predictions that a run has at least: with fewer a share says little.
MIN_PREDICTIONS: Final = 200
#: A share of missed answers that is beyond so many times the promised one, and not by chance, is clearly beyond: it pages.
CLEARLY: Final = 2.0


def latency_quantiles(sums: Sums) -> dict[str, float]:
    """Quantiles of the answer times of a window, in seconds, each within 6 %; none where no event named its own.

    >>> from monitor_stream.events.latency_bins import latency_bin
    >>> from monitor_stream.judge.sums import Rows
    >>> sums, seconds = Sums(), np.linspace(0.01, 1.0, 100)
    >>> sums.add("latencies", Rows([""], np.bincount(latency_bin(seconds), minlength=LATENCY_BINS)[None, :]))
    >>> {name: round(value, 2) for name, value in latency_quantiles(sums).items()}
    {'0.5': 0.49, '0.9': 0.95, '0.95': 0.95, '0.99': 0.95}
    """
    counts = sums.row("latencies")
    found = {} if counts is None else {name: quantile(counts, float(name)) for name in QUANTILES}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def timeouts(sums: Sums, rules: ServiceRules) -> int:
    """Answers of a window that took longer than `ServiceRules.timeout_seconds`; 0 where it is not named.

    Callers give up at their time-out, so that answer times heap up just beyond it. The bin in which it lies is counted for
    that reason: what took up to 11 % less may be among them.
    """
    counts = sums.row("latencies")
    return 0 if counts is None else int(_timed_out(counts, rules))


def slower(counts: Floats, seconds: float) -> float:
    """How many of the counted answers took longer than a time, at the least: the bin in which it lies is not counted.

    Parameters
    ----------
    counts
        Answers by `monitor_stream.events.latency_bins`, shape ``(LATENCY_BINS,)``.
    """
    return float(counts[int(np.searchsorted(BOUNDS, seconds)) + 1 :].sum())


def _timed_out(counts: Floats, rules: ServiceRules) -> float:
    seconds = rules.timeout_seconds
    return 0.0 if seconds is None else float(counts[int(np.searchsorted(BOUNDS, seconds)) :].sum())


class ServiceRun(Run, array_like=True):
    """What the windows of a run had, added up."""

    predictions: int = 0
    failed: int = 0
    latencies: list[float] = msgspec.field(default_factory=list)


class Service:
    """Holds runs of `MIN_PREDICTIONS` against the objective; nothing is kept where the spec names none. Whether it is missed is
    said each time, so that an incident can close.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        field = key("service", model, version)
        self._runs = Runs(
            field, ServiceRun, journal, add=_add, is_full=lambda run, _: run.predictions >= MIN_PREDICTIONS
        )
        self.restore = self._runs.restore

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Finding]:
        """Take in windows that have closed, in their order; how the runs that they filled were answered."""
        promised = (window for window in closed if _has_objective(spec_of(window.reference).service))
        return [finding for run, spec in self._runs.take(promised, spec_of) for finding in judge(run, spec)]


def _has_objective(rules: ServiceRules) -> bool:
    return rules.latency_seconds is not None or rules.failed_share is not None


def _add(run: ServiceRun, window: OpenWindow) -> None:
    run.predictions += window.sums.total("traffic", 0)
    run.failed += window.sums.total("traffic", 1)
    counts = window.sums.row("latencies")
    if counts is not None:
        run.latencies = (counts + (np.array(run.latencies) if run.latencies else 0.0)).tolist()


class _Promise(NamedTuple):
    """So many of n answers may miss what was promised, and so many did."""

    check: str
    missed: float
    n: float
    allowed: float
    detail: str


def judge(run: ServiceRun, spec: ModelSpec) -> list[Finding]:
    """A finding for each part of the objective, firing or not.

    A promise is broken where more answers miss it than chance makes of the share that may. The chance of a false alarm is the
    spec's budget over all looks of a month. It is critical where the same is true of `CLEARLY` times the share that may.
    """
    promises = list(_promises(run, spec.service))
    alpha = run.chance(spec, len(promises))
    return [_finding(run, promise, alpha) for promise in promises]


def _promises(run: ServiceRun, rules: ServiceRules) -> Iterator[_Promise]:
    counts = np.array(run.latencies) if run.latencies else np.zeros(LATENCY_BINS)
    answered = float(counts.sum())
    if rules.failed_share is not None:
        what = f"{_percent(run.failed, run.predictions)} of {run.predictions:,} predictions failed"
        yield _Promise(
            "failed",
            run.failed,
            run.predictions,
            rules.failed_share,
            f"{what}, {100 * rules.failed_share:.3g}% may.",
        )
    if rules.failed_share is not None and rules.timeout_seconds is not None and answered:
        missed = _timed_out(counts, rules)
        what = f"{_percent(missed, answered)} of {answered:,.0f} answers took longer than {rules.timeout_seconds:g} s"
        yield _Promise(
            "timeouts",
            missed,
            answered,
            rules.failed_share,
            f"{what} and count as timed out, {100 * rules.failed_share:.3g}% may.",
        )
    if rules.latency_seconds is not None and answered:
        missed = slower(counts, rules.latency_seconds)
        what = f"{_percent(missed, answered)} of {answered:,.0f} answers took longer than {rules.latency_seconds:g} s"
        slowest = quantile(counts, rules.quantile) or 0.0
        yield _Promise(
            "latency",
            missed,
            answered,
            1.0 - rules.quantile,
            f"{what}, {100 * (1.0 - rules.quantile):.3g}% may; {100 * rules.quantile:g}% took up to {slowest:.3g} s.",
        )


def _percent(count: float, n: float) -> str:
    return f"{100 * count / max(n, 1.0):.3g}%"


def _finding(run: ServiceRun, promise: _Promise, alpha: float) -> Finding:
    n, allowed = promise.n, promise.allowed
    share = promise.missed / n
    limit = least_share(n, allowed, 0.0, alpha)
    clear = least_share(n, min(CLEARLY * allowed, 1.0), 0.0, alpha)
    firing = share > limit
    return Finding(
        signal="service",
        check=promise.check,
        firing=firing,
        severity="critical" if firing and share > clear else "warning",
        direction="worse",
        start=moment(run.start),
        end=moment(run.end),
        n=int(n),
        value=share,
        expected=allowed,
        threshold=limit,
        effect=share / limit if limit else 0.0,
        detail=promise.detail if firing else "",
    )
