"""What detectors and charts of errors see, as findings: these open incidents, and let them close."""

from __future__ import annotations

import math

import msgspec

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Direction, Finding, Severity
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.detectors import Alarm, Look, Verdict
from monitor_stream.judge.performance import error_limit


def rise(alarm: Alarm, verdict: Verdict, spec: ModelSpec) -> Finding:
    """A confirmed alarm for the worse. It fires."""
    return msgspec.structs.replace(
        _of_alarm(alarm, verdict, "worse"),
        firing=True,
        severity=_severity(alarm.after, alarm.count, verdict.expected, spec),
        detail=f"The {_name(spec)} of the last {alarm.count:,} is {alarm.after:.4g}, before it was {alarm.before:.4g}.",
    )


def fall(alarm: Alarm, verdict: Verdict) -> Finding:
    """An alarm for the better, after which errors are as usual. It does not fire, and may be the end of an incident."""
    return _of_alarm(alarm, verdict, "better")


def _of_alarm(alarm: Alarm, verdict: Verdict, direction: Direction) -> Finding:
    """The level after an alarm, as a finding that does not fire."""
    return Finding(
        signal="error",
        check=alarm.detector,
        firing=False,
        direction=direction,
        start=moment(alarm.order),
        end=moment(alarm.order),
        n=alarm.count,
        value=alarm.after,
        expected=verdict.expected,
        threshold=verdict.threshold,
        effect=_effect(alarm.after, verdict.expected, verdict.threshold),
    )


def of_span(look: Look, spec: ModelSpec) -> Finding:
    """The mean error of a span. It fires where it is worse than chance makes it, or has been for long."""
    since = "since the change began" if look.check == "cusum" else f"of the last {look.n:,}"
    return Finding(
        signal="error",
        check=look.check,
        firing=look.firing,
        severity=_severity(look.value, look.n, look.expected, spec) if look.firing else "warning",
        direction=look.direction,
        start=moment(look.start),
        end=moment(look.end),
        n=look.n,
        value=look.value,
        expected=look.expected,
        threshold=look.threshold,
        effect=_effect(look.value, look.expected, look.threshold),
        detail=f"The {_name(spec)} {since} is {look.value:.4g}, usually it is {look.expected:.4g}."
        if look.firing
        else "",
    )


def _severity(value: float, n: int, expected: float, spec: ModelSpec) -> Severity:
    """Critical is what lies outside the baseline's band; where none is known nothing does.

    The band is that of windows of `min_samples`; means of fewer errors vary by more.
    """
    limit = error_limit(spec)
    if limit is None:
        return "warning"
    wider = math.sqrt(max(spec.min_samples / n, 1.0))
    return "critical" if value > expected + (limit - expected) * wider and value > limit else "warning"


def _effect(value: float, expected: float, threshold: float) -> float:
    """How many times as far from the usual as the threshold."""
    reach = threshold - expected
    return max((value - expected) / reach, 0.0) if reach else 0.0


def _name(spec: ModelSpec) -> str:
    return "mean absolute error" if spec.task == "regression" else "error rate"
