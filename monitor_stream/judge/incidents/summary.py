"""One or two sentences for who is woken: what, since when, how much against what is usual, and where to look first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from monitor_stream.events.results import Finding, Incident, Signal
from monitor_stream.events.spec import Task
from monitor_stream.judge.incidents.looks import SIGNALS

#: Columns that a sentence names; the rest is counted.
NAMED: Final = 3

_NOUN: Final[dict[Signal, str]] = {
    "error": "errors rose",
    "estimated_error": "errors are likely to have risen",
    "contradiction": "labels contradict what was foretold",
    "fairness": "groups are treated unlike",
    "service": "answers miss their objective",
    "feature_drift": "features drifted",
    "prediction_drift": "the prediction drifted",
    "label_drift": "the label drifted",
    "multivariate_drift": "features drifted together",
    "quality": "data quality fell",
    "volume": "traffic changed",
    "outliers": "more predictions are unlike the reference",
    "attribution_drift": "the model leans on other features",
}


def open_summary(incident: Incident, task: Task, since: datetime, columns: dict[Signal, int]) -> str:
    """Of an incident that is open.

    Parameters
    ----------
    since
        When the first look that fired began.
    columns
        How many columns fire, by signal; the signals that do.
    """
    firing = [finding for finding in incident.evidence if finding.signal in columns]
    parts = [_part(signal, firing, task, columns[signal]) for signal in SIGNALS if signal in columns]
    return (
        f"{_subject(incident)}, since {_minute(since)} UTC: {'; '.join(parts)}. "
        f"{_advice(columns, [f for f in firing if f.column])}"
    )


def recovered_summary(incident: Incident, task: Task, end: datetime) -> str:
    """Of one that is over."""
    return f"{_subject(incident)}: back to normal after {_lasted(incident, end)}. It was: {_was(incident, task)}."


def unjudged_summary(incident: Incident, task: Task, end: datetime) -> str:
    """Of one that nothing was heard of for too long."""
    return (
        f"{_subject(incident)}: closed without a sign that it is over, as it could not be judged any more since "
        f"{_minute(incident.updated)} UTC ({_lasted(incident, end)} in all). It was: {_was(incident, task)}."
    )


def superseded_summary(incident: Incident, task: Task, end: datetime, successor: str) -> str:
    """Of one whose version makes no predictions any more."""
    return (
        f"{_subject(incident)}: closed after {_lasted(incident, end)}, as version {successor} has taken its place. "
        f"It was: {_was(incident, task)}."
    )


def _was(incident: Incident, task: Task) -> str:
    columns = _columns(incident.evidence)
    return "; ".join(
        _part(signal, incident.evidence, task, columns[signal]) for signal in SIGNALS if signal in columns
    )


def _columns(evidence: Sequence[Finding]) -> dict[Signal, int]:
    columns: dict[Signal, set[str]] = {}
    for finding in evidence:
        columns.setdefault(finding.signal, set()).add(finding.column)
    return {signal: len(found) for signal, found in columns.items()}


def _part(signal: Signal, evidence: Sequence[Finding], task: Task, columns: int) -> str:
    found = [finding for finding in evidence if finding.signal == signal]
    if not found:  # weaker than all that is kept
        return f"{_NOUN[signal]} ({columns})"
    strongest = found[0]
    match signal:
        case "error":
            whole = next((finding for finding in found if not finding.column), strongest)
            worst = next((finding.column for finding in found if finding.column), "")
            return _error(whole, task) + (f", most in {worst}" if worst and not whole.column else "")
        case "feature_drift":
            names = list(dict.fromkeys(finding.column for finding in found))[:NAMED]
            rest = f" and {columns - len(names)} more" if columns > len(names) else ""
            noun = "1 feature" if columns == 1 else f"{columns} features"
            return f"{noun} drifted, {', '.join(names)}{rest} ({_in_words(strongest)})"
        case "quality":
            # Values that are another column's are also unseen, out of range and more: this is why.
            cause = next((finding for finding in found if finding.check == "swapped"), strongest)
            rest = f"; and {columns - 1} more" if columns > 1 else ""
            return f"{_NOUN[signal]} ({_in_words(cause)}{rest})"
        case "service":
            rest = f"; and {len(found) - 1} more" if len(found) > 1 else ""
            return f"{_NOUN[signal]} ({_in_words(strongest)}{rest})"
        case _:
            rest = f"; and {columns - 1} more" if columns > 1 else ""
            return f"{_NOUN[signal]} ({_in_words(strongest)}{rest})"


def _error(finding: Finding, task: Task) -> str:
    what = "mean absolute error" if task == "regression" else "error rate"
    what += f" of {finding.column}" if finding.column else ""
    if finding.value is None:
        return f"the {what} rose ({finding.check})"
    usual = "" if finding.expected is None else f", usually {finding.expected:.4g}"
    more = f" ({finding.value / finding.expected - 1.0:+.0%})" if finding.expected else ""
    limit = "" if finding.threshold is None else f", limit {finding.threshold:.4g}"
    return f"{what} {finding.value:.4g}{usual}{more}{limit}, n={finding.n:,} ({finding.check})"


def _in_words(finding: Finding) -> str:
    """The check's own sentence, which knows best what its numbers mean; else the numbers."""
    sentence = finding.detail.rstrip(".")
    return f"{sentence}; n={finding.n:,}" if sentence else ", ".join(_numbers(finding))


def _numbers(finding: Finding) -> Iterator[str]:
    if finding.value is not None:
        yield f"{finding.column} {finding.check} {finding.value:.3g}".strip()
    else:
        yield f"{finding.column} {finding.check}".strip()
    if finding.expected is not None:
        yield f"usually {finding.expected:.3g}"
    if finding.threshold is not None:
        yield f"limit {finding.threshold:.3g}"
    yield f"n={finding.n:,}"


def _advice(columns: dict[Signal, int], ranked: Sequence[Finding]) -> str:
    broken = next((f.column for f in ranked if f.signal == "quality"), "")
    moved = next((f.column for f in ranked if f.signal == "feature_drift"), "")
    if "service" in columns:
        return "Look first at the service that answers: its releases, its load, and what it waits for."
    if "quality" in columns:
        who = f"whoever fills {broken}" if broken else "whoever sends the events"
        return f"Look first at {who}: broken input is mended there, not by a new model."
    if "error" in columns:
        if "feature_drift" in columns:
            where = f"Look first at {moved or 'the inputs'}, moved together with the errors"
            return f"{where}; retrain on newer data if that is how the world is now."
        if "label_drift" in columns:
            return "Look first at the labels: they moved with the errors; ask whoever makes them before you retrain."
        return "No input is known to have moved: look first at the labels and the segments since then; roll back or retrain if they are right."
    if "contradiction" in columns:
        return (
            "Do not trust what is foretold until it agrees with labels again. "
            "Look first at the labels since then: either they changed, or what the inputs mean for them."
        )
    if "estimated_error" in columns:
        where = moved or "the scores, which now lie where the model is less often right"
        return f"Look first at {where}; no label has said so yet."
    if "fairness" in columns:
        return "Look first at the inputs and the labels of these groups; a small group can be bad luck, the interval says."
    if "volume" in columns:
        return "Look first at the callers of the model, and at what sends its events."
    if "attribution_drift" in columns and not moved:
        return "Look first at what serves this version: the same inputs are weighed differently. Errors are not known to have risen with it."
    if "outliers" in columns and not moved:
        return "Look first at the examples kept of these days. Errors are not known to have risen with it."
    what = moved or ("the labels" if "label_drift" in columns else "the inputs")
    return f"Look first at {what}: was the change meant? Errors are not known to have risen with it."


def _subject(incident: Incident) -> str:
    return f"{incident.model} version {incident.version}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _lasted(incident: Incident, end: datetime) -> str:
    """How long it was open.

    The two largest units, as people say it.
    """
    minutes = round(max((end - incident.opened).total_seconds(), 0.0) / 60.0)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
