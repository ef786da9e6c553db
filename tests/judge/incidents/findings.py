"""Findings as the checks make them, and a model's incidents that hear of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding, Incident
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.judge.incidents import Incidents, Told
from monitor_stream.judge.persist import Journal

#: Midnight, 1 March 2013.
T: Final = 1_362_096_000
SPEC: Final = ModelSpec(model="churn", version="3", task="binary", horizon_seconds=2 * DAY)


def drift(day: int, column: str = "carrier", effect: float = 0.2, **more: Any) -> Finding:
    """Drift of a feature over one day."""
    what = {"signal": "feature_drift", "check": "js", "column": column, "expected": 0.02, "threshold": 0.1}
    return _daily(day, effect, what | more)


def error(day: int, effect: float = 0.2, **more: Any) -> Finding:
    """The mean error of a day, against the spread of the reference's days."""
    what = {"signal": "error", "check": "level", "expected": 0.2, "threshold": 0.26, "direction": "worse"}
    return _daily(day, effect, what | more)


def estimate(day: int, effect: float = 0.2, **more: Any) -> Finding:
    """What the error of a day is likely to be."""
    what = {
        "signal": "estimated_error",
        "check": "accuracy",
        "expected": 0.2,
        "threshold": 0.26,
        "direction": "worse",
    }
    return _daily(day, effect, what | more)


def contradiction(day: int, effect: float = 0.2, **more: Any) -> Finding:
    """Labels of a day against what was foretold of them."""
    what = {
        "signal": "contradiction",
        "check": "gap",
        "expected": 0.0,
        "threshold": 0.05,
        "direction": "worse",
    }
    return _daily(day, effect, what | more)


def unfair(day: int, effect: float = 0.2, **more: Any) -> Finding:
    """A criterion of fairness between the groups of one attribute."""
    what = {
        "signal": "fairness",
        "check": "equal_opportunity",
        "column": "sex",
        "expected": 0.0,
        "threshold": 0.1,
        "direction": "worse",
    }
    return _daily(day, effect, what | more)


def detection(at: float, *, better: bool = False, **more: Any) -> Finding:
    """A confirmed detection of ADWIN, so many days after the beginning."""
    end = moment(T + at * DAY)
    values: dict[str, Any] = {
        "signal": "error",
        "check": "adwin",
        "firing": not better,
        "direction": "better" if better else "worse",
        "start": end,
        "end": end,
        "value": 0.31,
        "expected": 0.2,
        "threshold": 0.26,
        "n": 1204,
    }
    return Finding(**(values | more))


def _daily(day: int, effect: float, what: dict[str, Any]) -> Finding:
    values = {
        "firing": effect >= 1.0,
        "start": moment(T + day * DAY),
        "end": moment(T + (day + 1) * DAY),
        "n": 9000,
        "effect": effect,
        "value": what["expected"] + effect * (what["threshold"] - what["expected"]),
    }
    return Finding(**(values | what))


class Heard:
    """Incidents of one model with what was told of them."""

    def __init__(self, spec: ModelSpec = SPEC) -> None:
        self.spec = spec
        self.incidents = Incidents(spec.model, Journal({}))
        self.told: list[Told] = []

    def hear(self, *findings: Finding, day: float | None = None) -> list[str]:
        """Take findings in, and bring the clock just behind them, or to a day; what happened."""
        clock = max((finding.end.timestamp() for finding in findings), default=0.0) + 1.0
        return self.until(clock if day is None else T + day * DAY, findings)

    def until(self, clock: float, findings: Iterable[Finding] = ()) -> list[str]:
        told = self.incidents.take(self.spec.version, self.spec, list(findings), clock)
        self.told += told
        return [each.happening for each in told]

    @property
    def newest(self) -> Incident:
        return self.told[-1].incident
