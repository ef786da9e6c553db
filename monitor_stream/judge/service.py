"""How a version answers: how fast, and how often not at all, against the objective that its spec names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.latency_bins import BOUNDS, quantile
from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, ModelSpec, ServiceRules
from monitor_stream.events.tables import LATENCY_BINS
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.quality.tails import least_share
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow

#: Quantiles of the answer time that a window tells, as they are named.
QUANTILES: Final = ("0.5", "0.9", "0.95", "0.99")
#: Predictions that a run has at least: with fewer a share says little.
MIN_PREDICTIONS: Final = 200
#: A share of missed answers that is beyond so many times the promised one, and not by chance, is clearly beyond: it pages.
CLEARLY: Final = 2.0
_MONTH: Final = 30 * DAY


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


class ServiceRun(msgspec.Struct, array_like=True):
    """What the windows of a run had, added up. Also how it is stored."""

    digest: str = ""
    start: float = math.inf
    end: float = -math.inf
    predictions: int = 0
    failed: int = 0
    latencies: list[float] = []


class Service:
    """Adds closed windows up until they hold `MIN_PREDICTIONS`, then holds them against the objective, and begins anew.

    A run is of one spec; nothing is kept where it names no objective. Whether the objective is missed is said each time, so
    that an incident can close.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("service", model, version)
        self._journal = journal
        self._run = ServiceRun()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._run = unpack(ServiceRun, data)

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Finding]:
        """Take in windows that have closed, in their order; how the runs that they filled were answered."""
        findings: list[Finding] = []
        for window in closed:
            spec = spec_of(window.reference)
            if spec.service.latency_seconds is None and spec.service.failed_share is None:
                continue
            if self._run.digest != window.reference:
                self._run = ServiceRun(window.reference)
            _add(self._run, window)
            if self._run.predictions >= MIN_PREDICTIONS:
                findings += judge(self._run, spec)
                self._run = ServiceRun(window.reference)
            self._journal.put(self._field, lambda: pack(self._run))
        return findings


def _add(run: ServiceRun, window: OpenWindow) -> None:
    run.start, run.end = min(run.start, window.start), max(run.end, window.end)
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
    looks = _MONTH / max(run.end - run.start, 1.0) * max(len(promises), 1)
    alpha = min(spec.drift.false_alarms_per_month / looks, 0.01)
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
