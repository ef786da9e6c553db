"""What is known about the cause of an incident."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Explanation, Finding, SegmentLoss, Signal
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.why.changes import of_finding, told
from monitor_stream.judge.why.diary import Diary
from monitor_stream.judge.why.facts import Changed, Leaning, Losses, Sampled, Value
from monitor_stream.judge.why.rows import narrowed
from monitor_stream.judge.why.suspects import importance_shares, suspects

#: Segments that are named.
MAX_SEGMENTS: Final = 5


class Moved(NamedTuple):
    """What a check found at about the time of an incident: where the first look that fired began, and what the newest found."""

    since: float
    findings: Sequence[Finding]


class Scene(NamedTuple):
    """Where and when to look: the incident began at `since`, which was known by `opened`; changes from `near` on may be why.

    All in Unix seconds of event time. Where an incident is `about` one signal and no other, this is nothing *else* that changed.
    """

    since: float
    opened: float
    near: float
    about: Signal | None = None


def explain(
    scene: Scene, moved: Sequence[Moved], others: Sequence[Changed], diary: Diary, spec: ModelSpec
) -> Explanation:
    """Put together what had been known.

    Parameters
    ----------
    moved
        What the checks on this version found, whether it is part of the incident or not.
    others
        What happened elsewhere: the first predictions of other versions.
    diary
        What else was known of this version.
    """
    since = math.floor(scene.since / spec.window_seconds) * spec.window_seconds
    findings = [finding for each in moved for finding in each.findings]
    leaning = diary.of(Leaning)
    shares = leaning[-1].shares if leaning else {}
    found = suspects(findings, spec.features, shares)
    changes = [
        change
        for each in moved
        for f in each.findings
        if f.signal != scene.about and (change := of_finding(each.since, f))
    ]
    changes += [c for c in (*diary.of(Changed), *others) if scene.near <= c.start <= scene.opened]
    importance = importance_shares(spec.features, shares)
    first = [each.feature for each in found]
    first += sorted(importance, key=lambda name: (-importance[name], name))
    before, after = _either_side(diary.of(Sampled), since)
    if not spec.store_examples:
        before, after = [], []
    return Explanation(
        since=moment(since),
        suspects=found,
        segments=_segments(diary.of(Losses), since),
        changes=told(changes, since),
        before=narrowed(before, list(dict.fromkeys(first)), spec.masked),
        after=narrowed(after, list(dict.fromkeys(first)), spec.masked),
    )


def concerns(start: float, end: float, scene: Scene, reach: float) -> bool:
    """Whether what happened in [start, end) may be part of an explanation: around the beginning of the incident, not long after
    it was known.
    """
    return end > scene.near and start < scene.opened + reach


def _either_side(
    spans: Sequence[Sampled], since: float
) -> tuple[list[dict[str, Value]], list[dict[str, Value]]]:
    """Rows of the last span that ended before, and of the first that began afterwards, or else of the one it began in."""
    before = max((span for span in spans if span.end <= since), key=lambda span: span.end, default=None)
    later = [span for span in spans if span.start >= since]
    after = min(later, key=lambda span: span.start) if later else None
    if after is None:
        after = next((span for span in spans if span.start < since < span.end), None)
    return before.rows if before else [], after.rows if after else []


def _segments(days: Sequence[Losses], since: float) -> list[SegmentLoss]:
    """Those of the day since then on which one of them stood out most, first those that carry more than they did on the last day
    before: some are always worse than the rest.
    """
    affected = [day for day in days if day.end > since and day.segments]
    if not affected:
        return []
    worst = max(affected, key=lambda day: (max(each.loss for each in day.segments), -day.start))
    last = max((day for day in days if day.end <= since), key=lambda day: day.end, default=None)
    usual = {(each.segment, each.value): each.loss for each in last.segments} if last else {}
    ranked = sorted(worst.segments, key=lambda each: usual.get((each.segment, each.value), 0.0) - each.loss)
    return ranked[:MAX_SEGMENTS]
