"""What else changed at about the time of an incident."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding, OtherChange
from monitor_stream.judge.why.facts import Changed, What

#: Changes that are told: those nearest to the beginning.
MAX_CHANGES: Final = 10

_SERVICE: Final[dict[str, What]] = {"latency": "latency", "failed": "failures", "timeouts": "failures"}


def of_finding(since: float, finding: Finding) -> Changed | None:
    """A finding as a change, where it is one that may be behind others."""
    what: What
    if finding.signal == "quality":
        what = "quality"
    elif finding.signal == "volume":
        what = "volume"
    elif finding.signal == "service":
        what = _SERVICE.get(finding.check, "failures")
    else:
        return None
    end = finding.end.timestamp()
    return Changed(end, since, end, what, finding.detail or f"{finding.column} {finding.check}".strip())


def told(changes: Iterable[Changed], since: float) -> list[OtherChange]:
    """The changes nearest to a time, in the order of time; what is known twice is told once."""
    first: dict[tuple[What, str], Changed] = {}
    for change in changes:
        at = (change.what, change.detail)
        first[at] = min(first.get(at, change), change, key=lambda each: (each.start, each.known))
    nearest = sorted(first.values(), key=lambda each: (abs(each.start - since), each.what, each.detail))
    ordered = sorted(nearest[:MAX_CHANGES], key=lambda each: (each.start, each.what, each.detail))
    return [OtherChange(what=each.what, at=moment(each.start), detail=each.detail) for each in ordered]
