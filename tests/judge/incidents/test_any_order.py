"""Whatever is found, in whatever portions, with whatever restarts."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_stream.events.results import Finding, Incident, SegmentLoss
from monitor_stream.events.spec import DAY
from monitor_stream.judge.incidents import Incidents, Told
from monitor_stream.judge.persist import Journal, fields
from monitor_stream.judge.why import Changed, Fact, Losses, Sampled
from tests.judge.incidents.findings import SPEC, T, contradiction, detection, drift, error, estimate

DAYS: Final = 9
EFFECTS: Final = (0.1, 0.1, 0.9, 1.2, 1.2, 2.5)


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    """What checks on features, labels, quality and errors found in some days, each in the order of time."""
    effects = st.sampled_from(EFFECTS)
    found: list[Finding] = []
    for day in range(DAYS):
        found += [drift(day, column, draw(effects)) for column in ("a", "b") if draw(st.booleans())]
        if draw(st.booleans()):
            found.append(drift(day, "__target__", draw(effects), signal="label_drift"))
        if draw(st.booleans()):
            found.append(drift(day, "a", draw(effects), signal="quality", check="missing"))
        if draw(st.booleans()):
            found.append(error(day, draw(effects), severity=draw(st.sampled_from(["warning", "critical"]))))
        if draw(st.booleans()):
            found.append(
                estimate(day, draw(effects), severity=draw(st.sampled_from(["warning", "critical"])))
            )
        if draw(st.integers(0, 2)) == 0:
            found.append(contradiction(day, draw(effects)))
        if draw(st.integers(0, 2)) == 0:
            found.append(drift(day, "sex", draw(effects), signal="fairness", check="demographic_parity"))
        if draw(st.integers(0, 4)) == 0:
            found.append(detection(day + draw(st.sampled_from([0.25, 0.5])), better=draw(st.booleans())))
    return found


def due(finding: Finding) -> float:
    """When a check tells it: labels' drift when the span has settled."""
    late = SPEC.horizon_seconds if finding.signal in {"label_drift", "fairness"} else 0.0
    return finding.end.timestamp() + late


def is_early(finding: Finding) -> bool:
    """Whether it is told by the watermark, which may be ahead of the clock."""
    return finding.signal not in {"error", "label_drift", "contradiction", "fairness"}


def facts() -> list[Fact]:
    """What happened on each day: rows of it, a spec, and, when its labels were in, the segments that carried the loss."""
    told: list[Fact] = []
    for day in range(DAYS):
        start, end = T + day * DAY, T + (day + 1) * DAY
        told.append(Sampled(end, start, end, [{"a": float(day), "b": "x"}]))
        loss = SegmentLoss(
            segment="s", value=str(day), n=9, metric=0.5, low=0.4, high=0.6, rest=0.2, loss=0.1 * (day % 4)
        )
        told.append(Losses(end + SPEC.horizon_seconds, start, end, [loss]))
        if day % 3 == 0:
            told.append(Changed(start + 900.0, start + 600.0, start + 900.0, "spec", f"spec {day}"))
    return told


class Run:
    """Incidents that are handed findings and facts as far as watermark and clock have come."""

    def __init__(self, found: list[Finding]) -> None:
        self.facts = facts()
        self.waiting = sorted(found, key=due)
        self.state: dict[str, bytes] = {}
        self.journal = Journal({})
        self.incidents = Incidents(SPEC.model, self.journal)
        self.told: list[Told] = []

    def advance(self, watermark: float, clock: float) -> None:
        told = [
            each for each in self.waiting if due(each) <= watermark and (is_early(each) or due(each) < clock)
        ]
        self.waiting = [each for each in self.waiting if each not in told]
        # By evaluator, as a version asks them one after the other.
        told.sort(key=lambda each: (each.signal, due(each)))
        learned = [f for f in self.facts if f.known <= (clock if isinstance(f, Losses) else watermark)]
        self.facts = [f for f in self.facts if f not in learned]
        elsewhere = [Changed(T + 2.5 * DAY, T + 2 * DAY, T + 2.5 * DAY, "version", "another")]
        self.told += self.incidents.take(SPEC.version, SPEC, told, clock, facts=learned, elsewhere=elsewhere)

    def restart(self) -> None:
        changes = self.journal.take()
        self.state |= changes.puts
        for name in changes.deletes:
            del self.state[name]
        self.journal = Journal(self.state)
        self.incidents = Incidents(SPEC.model, self.journal)
        for kind, (_, version, *_), data in fields(self.state):
            if kind == "incidents":
                self.incidents.restore_version(version, data)
            elif kind == "why":
                self.incidents.restore_diary(version, data)
            else:
                self.incidents.restore_resolved(data)

    def finish(self) -> list[Told]:
        self.advance(float("inf"), float("inf"))
        return self.told


def step_by_step(found: list[Finding]) -> Run:
    run = Run(found)
    for step in range(4 * (DAYS + 4)):
        at = T + step * DAY / 4
        run.advance(at, at)
    run.finish()
    return run


@settings(max_examples=60, deadline=None)
@given(findings())
def test_what_is_told_makes_sense(found: list[Finding]) -> None:
    """Each incident opens once, escalates and eases by turns, and resolves last; no two are called alike."""
    run = step_by_step(found)
    stories: dict[str, list[str]] = defaultdict(list)
    for told in run.told:
        stories[told.incident.id].append(told.happening)
    still_open = {incident.id for incident in run.incidents.open(SPEC.version)}
    for identity, story in stories.items():
        assert story[0] == "opened"
        assert story.count("opened") == 1
        assert ("resolved" in story) == (identity not in still_open)
        middle = story[1:-1] if story[-1] == "resolved" else story[1:]
        assert set(middle) <= {"escalated", "eased"}
        assert all(one != other for one, other in itertools.pairwise(middle))
    times = [told.at for told in run.told]
    assert times == sorted(times)


@settings(max_examples=60, deadline=None)
@given(findings())
def test_what_is_open_is_wrong_now(found: list[Finding]) -> None:
    """An open incident has a signal that fires and evidence for it; critical is what has loss."""
    run = Run(found)
    for day in range(DAYS + 4):
        run.advance(T + day * DAY + 1, T + day * DAY + 1)
        document = run.incidents.document()
        assert len({incident.id for incident in document}) == len(document)
        for incident in document:
            _check(incident)


def _check(incident: Incident) -> None:
    assert incident.signals
    assert incident.summary
    assert {finding.signal for finding in incident.evidence} >= set(incident.signals)
    assert all(finding.firing for finding in incident.evidence)
    assert incident.opened <= (incident.resolved or incident.updated)
    assert (incident.resolved is not None) == (incident.state == "resolved")
    if incident.state != "pending":
        _check_why(incident)
    if incident.severity == "critical":
        assert "error" in incident.signals or (
            "estimated_error" in incident.signals and "contradiction" not in incident.signals
        )


def _check_why(incident: Incident) -> None:
    assert incident.why is not None
    since = min(finding.since for finding in incident.evidence if finding.since)
    assert 0.0 <= (since - incident.why.since).total_seconds() < SPEC.window_seconds
    days = [float(row["a"] or 0.0) for row in (*incident.why.before, *incident.why.after)]
    assert days == sorted(days)
    drifted = {finding.column for finding in incident.evidence if finding.signal == "feature_drift"}
    assert drifted <= {suspect.feature for suspect in incident.why.suspects}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
@given(findings(), st.data())
def test_portions_lags_and_restarts_change_nothing(found: list[Finding], data: st.DataObject) -> None:
    """However far predictions are read ahead of labels, however it is cut, wherever it restarts: the same is told."""
    expected = step_by_step(found)
    run = Run(found)
    watermark = clock = float(T)
    while clock < T + (DAYS + 4) * DAY:
        watermark += data.draw(st.sampled_from([0.0, 0.1, 1.0, 5.0])) * DAY
        clock = min(watermark, clock + data.draw(st.sampled_from([0.05, 1.0, 3.0])) * DAY)
        if clock == watermark:
            watermark += 1.0
        run.advance(watermark, clock)
        if data.draw(st.booleans()):
            run.restart()
    run.finish()
    assert run.told == expected.told
    assert run.incidents.document() == expected.incidents.document()
