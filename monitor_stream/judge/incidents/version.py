"""The incidents of one version: what opens together is one, what has closed altogether is over."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import msgspec

from monitor_stream.events.cloudevents import Happening
from monitor_stream.events.codec import moment
from monitor_stream.events.results import Finding, Incident, Severity, Signal
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.incidents.held import Held
from monitor_stream.judge.incidents.identity import identity
from monitor_stream.judge.incidents.looks import APART, LATE, SIGNALS, Key, Look, looks
from monitor_stream.judge.incidents.summary import (
    open_summary,
    recovered_summary,
    superseded_summary,
    unjudged_summary,
)
from monitor_stream.judge.incidents.track import OPEN_LOOKS, Track, is_loss
from monitor_stream.judge.why import Changed, Diary, Fact, Moved, Scene, explain
from monitor_stream.judge.why.explain import concerns

#: Tracks of one version that are not quiet; more is a version of which all is wrong, and that is said by these.
MAX_TRACKS: Final = 2_000
#: Open incidents of one version: changes that last, each more than a grouping time after the one before.
MAX_OPEN: Final = 50
#: Findings kept as evidence of one incident: the strongest.
MAX_EVIDENCE: Final = 50
#: Drift spans without a look, after which a track is not followed any more: as many as may be judged together.
LAPSE_SPANS: Final = 30


class Told(msgspec.Struct, frozen=True):
    """Something happened to an incident, at an event time in Unix seconds."""

    happening: Happening
    at: float
    incident: Incident


class VersionState(msgspec.Struct, array_like=True):
    """What is kept of a version; `opened` counts the incidents by the severity they opened with."""

    held: list[Look] = []
    tracks: list[Track] = []
    open: list[Incident] = []
    opened: dict[Severity, int] = {}


class VersionIncidents:
    """See the module's docstring, and docs/design/drift.md for the rules."""

    def __init__(self, model: str, version: str) -> None:
        self.diary = Diary()
        self._grown: set[str] = set()  # incidents that another check has joined since they were explained
        self._elsewhere: Sequence[Changed] = ()
        self._model = model
        self._version = version
        self._held = Held()
        self._tracks: dict[Key, Track] = {}
        self.open: dict[str, Incident] = {}
        self.opened: Counter[Severity] = Counter()
        self.changed = False

    def restore(self, state: VersionState) -> None:
        """Take back what the store held."""
        self._held = Held(state.held)
        self._tracks = {track.key: track for track in state.tracks}
        self.open = {incident.id: incident for incident in state.open}
        self.opened = Counter(state.opened)

    def state(self) -> VersionState:
        """For the store."""
        return VersionState(
            self._held.all(), list(self._tracks.values()), list(self.open.values()), dict(self.opened)
        )

    def take(
        self,
        spec: ModelSpec,
        findings: Iterable[Finding],
        clock: float,
        *,
        facts: Iterable[Fact] = (),
        elsewhere: Sequence[Changed] = (),
    ) -> list[Told]:
        """Take in what was found and what else happened, here and `elsewhere`, and judge what was due before the clock.

        What happened to incidents, in order.
        """
        self.diary.note(facts)
        self._elsewhere = elsewhere
        for look in looks(findings, spec):
            self.changed |= self._held.add(look, followed=look.key in self._tracks)
        told: list[Told] = []
        for together in self._held.release(clock):
            told += self._learn(spec, math.nextafter(together[0].known, math.inf))
            told += self._lapse(spec, together[0].known)
            told += self._see(together, spec)
        told += self._learn(spec, clock)
        if clock < float("inf"):  # at the end of a file nothing comes, and nothing is late
            told += self._lapse(spec, clock)
        return told

    def supersede(self, spec: ModelSpec, successor: str, at: float) -> list[Told]:
        """Close all: another version has taken the place of this one."""
        told = [
            self._resolve(incident, at, superseded_summary(incident, spec.task, moment(at), successor))
            for incident in list(self.open.values())
        ]
        self.changed |= bool(told or self._tracks or len(self._held))
        self._tracks, self._held = {}, Held()
        return told

    def pending(self) -> Incident | None:
        """What waits for a second look, as one incident that nobody is told of."""
        tracks = [track for track in self._tracks.values() if track.is_pending]
        if not tracks:
            return None
        first = min(tracks, key=lambda track: (track.row[-1].end, SIGNALS.index(track.key[0]), track.key))
        evidence = _ranked(finding for track in tracks for finding in track.findings)
        columns = Counter(track.key[0] for track in tracks)
        return Incident(
            id=identity(self._model, self._version, first.key, first.row[-1].start, 0.0),
            model=self._model,
            version=self._version,
            state="pending",
            severity="warning",
            direction=_direction(evidence),
            signals=[signal for signal in SIGNALS if signal in columns],
            opened=moment(first.row[-1].end),
            updated=max(finding.end for finding in evidence),
            summary=f"{self._model} version {self._version}: one look out of bounds, waiting for the next.",
            evidence=evidence,
        )

    # Judging

    def _see(self, together: Sequence[Look], spec: ModelSpec) -> list[Told]:
        """Looks that were due at one moment."""
        self.changed, known = True, together[0].known
        together = [look for look in together if not self._is_discredited(look)]
        for look in together:
            track = self._tracks.get(look.key)
            if track is None:
                if not look.firing or len(self._tracks) >= MAX_TRACKS:
                    continue
                track = self._tracks[look.key] = Track(look.key)
            match track.see(look):
                case "opened":
                    self._join(track, look, spec)
                case "closed":
                    track.closed = look.end
        self._discredit()
        for look in together:
            self._add_evidence(look)
        return self._settle(known, spec, recovered_summary)

    @property
    def _is_contradicted(self) -> bool:
        return any(t.is_firing and t.key[0] == "contradiction" for t in self._tracks.values())

    def _is_discredited(self, look: Look) -> bool:
        """Whether a look is at what is foretold, while labels say otherwise: then it is no loss, and no all-clear."""
        return look.key[0] == "estimated_error" and self._is_contradicted

    def _discredit(self) -> None:
        """What was foretold is no loss any more, once it is contradicted."""
        if self._is_contradicted:
            for track in self._tracks.values():
                if track.key[0] == "estimated_error":
                    track.severity = "warning"

    def _join(self, track: Track, look: Look, spec: ModelSpec) -> None:
        """Make a track part of the incident it belongs to, or the first of a new one."""
        home = self._home(track, look, spec)
        if home is None:
            home = identity(self._model, self._version, track.key, track.since, look.end)
            self.open[home] = Incident(
                id=home,
                model=self._model,
                version=self._version,
                state="pending",  # until it was told
                severity=track.severity,
                direction="moved",
                signals=[],
                opened=moment(look.end),
                updated=moment(look.end),
                summary="",
            )
        track.incident = home

    def _home(self, track: Track, look: Look, spec: ModelSpec) -> str | None:
        reach = grouping_seconds(spec, look.key[0])
        if track.incident in self.open and look.end - track.closed <= reach:
            return track.incident
        near = [
            each
            for each in self.open.values()
            if abs(look.end - each.opened.timestamp()) <= reach and self._is_akin(each, track)
        ]
        if not near and len(self.open) >= MAX_OPEN:
            near = list(self.open.values())
        return max(near, key=lambda each: (each.opened, each.id)).id if near else None

    def _is_akin(self, incident: Incident, track: Track) -> bool:
        """Whether a track may be evidence for an incident: of a change, or of how things are."""
        apart = {other.key[0] in APART for other in self._tracks.values() if other.incident == incident.id}
        return apart == {track.key[0] in APART}

    def _add_evidence(self, look: Look) -> None:
        track = self._tracks.get(look.key)
        incident = self.open.get(track.incident) if track and track.is_firing else None
        if track is None or incident is None or not look.firing:
            return
        kept = {_check(finding): finding for finding in incident.evidence}
        for finding in look.firing:
            before = kept.get(_check(finding))
            first = finding.start if finding.signal == "error" else moment(track.since)
            since = first if before is None else before.since
            if before is None:
                self._grown.add(incident.id)
            kept[_check(finding)] = msgspec.structs.replace(finding, since=since)
        self.open[incident.id] = msgspec.structs.replace(
            incident,
            evidence=_ranked(kept.values()),
            updated=max(incident.updated, *(finding.end for finding in look.firing)),
        )

    def _settle(self, at: float, spec: ModelSpec, over: Callable[..., str]) -> list[Told]:
        """Bring incidents in line with their tracks, and say what happened to them."""
        told: list[Told] = []
        members: dict[str, list[Track]] = {}
        for track in self._tracks.values():
            if track.is_firing:
                members.setdefault(track.incident, []).append(track)
        for incident in list(self.open.values()):
            if incident.id in members:
                happening, updated = self._update(incident, members[incident.id], spec)
                if incident.id in self._grown or happening == "escalated":
                    updated = self._explained(updated, at, spec)
                self.open[incident.id] = updated
                if happening is not None:
                    told.append(Told(happening, at, updated))
            else:
                told.append(self._resolve(incident, at, over(incident, spec.task, moment(at))))
        self._grown = set()
        self._forget()
        return told

    # Why

    def _learn(self, spec: ModelSpec, clock: float) -> list[Told]:
        """Take note of the facts that were known before the clock: they may be why."""
        told: list[Told] = []
        for fact in self.diary.release(clock):
            told += self._lapse(spec, fact.known)
            for incident in list(self.open.values()):
                scene, reach = self._scene(incident, spec)
                if concerns(fact.start, fact.end, scene, reach):
                    self.open[incident.id] = self._explained(incident, fact.known, spec)
                    self.changed = True
        return told

    def _explained(self, incident: Incident, at: float, spec: ModelSpec) -> Incident:
        """With what was known of its cause by a time."""
        scene, reach = self._scene(incident, spec)
        moved = [
            Moved(since, track.findings)
            for track in self._tracks.values()
            if (since := track.fires_since) is not None and scene.near <= since < scene.opened + reach
        ]
        moved += [Moved(f.since.timestamp(), [f]) for f in incident.evidence if f.since]
        others = [change for change in self._elsewhere if change.known <= at]
        return msgspec.structs.replace(incident, why=explain(scene, moved, others, self.diary, spec))

    def _scene(self, incident: Incident, spec: ModelSpec) -> tuple[Scene, float]:
        """Where to look for its cause, and how long after it opened there may be more to see."""
        reach = max(grouping_seconds(spec, signal) for signal in incident.signals)
        opened = incident.opened.timestamp()
        since = min((f.since.timestamp() for f in incident.evidence if f.since), default=opened)
        about = incident.signals[0] if len(incident.signals) == 1 else None
        return Scene(since, opened, since - reach, about), reach

    def _update(
        self, incident: Incident, tracks: Sequence[Track], spec: ModelSpec
    ) -> tuple[Happening | None, Incident]:
        columns: Counter[Signal] = Counter(signal for signal, _ in {track.key[:2] for track in tracks})
        severity: Severity = (
            "critical" if any(track.severity == "critical" for track in tracks) else "warning"
        )
        happening: Happening | None = None
        if incident.state == "pending":
            happening = "opened"
            self.opened[severity] += 1
        elif incident.severity != severity:
            happening = "escalated" if severity == "critical" else "eased"
        changed = msgspec.structs.replace(
            incident,
            state="open",
            severity=severity,
            signals=[signal for signal in SIGNALS if signal in columns],
            direction=_direction(finding for track in tracks for finding in track.findings),
        )
        since = moment(min(track.since for track in tracks))
        summary = open_summary(changed, spec.task, since, dict(columns))
        return happening, msgspec.structs.replace(changed, summary=summary)

    def _resolve(self, incident: Incident, at: float, summary: str) -> Told:
        del self.open[incident.id]
        signals = {finding.signal for finding in incident.evidence}
        resolved = msgspec.structs.replace(
            incident,
            state="resolved",
            resolved=moment(at),
            summary=summary,
            signals=[signal for signal in SIGNALS if signal in signals],
        )
        return Told("resolved", at, resolved)

    def _lapse(self, spec: ModelSpec, clock: float) -> list[Told]:
        """Let tracks go that nothing was heard of for too long."""
        patience = lapse_seconds(spec)
        told: list[Told] = []
        while due := [
            t.newest + patience for t in self._tracks.values() if t.row and t.newest + patience < clock
        ]:
            at = min(due)
            for track in self._tracks.values():
                if track.row and track.newest + patience <= at:
                    track.closed = at
                    track.close()
            self.changed = True
            told += self._settle(at, spec, unjudged_summary)
        return told

    def _forget(self) -> None:
        """Drop tracks that are quiet and belong to nothing."""
        for track in list(self._tracks.values()):
            quiet = not track.is_firing and not any(seen.fires for seen in track.row)
            if quiet and track.incident not in self.open:
                del self._tracks[track.key]


def grouping_seconds(spec: ModelSpec, signal: Signal) -> float:
    """How far apart two tracks of one change may open: the looks it takes, and a horizon where labels tell of it."""
    return OPEN_LOOKS * spec.drift.span_seconds + (spec.horizon_seconds if signal in LATE else 0.0)


def lapse_seconds(spec: ModelSpec) -> float:
    """How long a track is followed without a look."""
    return LAPSE_SPANS * spec.drift.span_seconds + spec.horizon_seconds + spec.staleness_seconds


def _check(finding: Finding) -> tuple[Signal, str, str]:
    return finding.signal, finding.column, finding.check


def _ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The strongest first; errors before all else, as they are what a model is judged by, then what else is loss."""
    ordered = sorted(
        findings, key=lambda f: (f.signal != "error", not is_loss(f), -f.effect, f.signal, f.column, f.check)
    )
    return ordered[:MAX_EVIDENCE]


def _direction(findings: Iterable[Finding]) -> Literal["worse", "moved"]:
    return "worse" if any(finding.direction == "worse" for finding in findings) else "moved"
