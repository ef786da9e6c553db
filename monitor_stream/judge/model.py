"""One model: its sources, its versions, how these compare, its incidents."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from monitor_stream.events.cloudevents import comparison_message
from monitor_stream.events.delta import Delta, Outcome
from monitor_stream.events.fold import Message
from monitor_stream.events.spec import Specs
from monitor_stream.judge.comparison import Comparisons
from monitor_stream.judge.incidents import Incidents, Told
from monitor_stream.judge.persist import Journal, Kind, key, pack, unpack
from monitor_stream.judge.reading import Arrived
from monitor_stream.judge.sources import Sources, SourcesState
from monitor_stream.judge.version import Version
from monitor_stream.judge.why import Changed


class ModelState(msgspec.Struct, array_like=True):
    """What changes with every delta."""

    sources: SourcesState
    outcomes: dict[Outcome, int]


class Model:
    """See the module's docstring. `say` and `say_incident` publish; `changed` asks for a new document."""

    def __init__(
        self,
        name: str,
        journal: Journal,
        say: Callable[[Message], None],
        say_incident: Callable[[Told], None],
    ) -> None:
        self.name = name
        self.sources = Sources()
        self.outcomes: dict[Outcome, int] = {}
        self.versions: dict[str, Version] = {}
        self.incidents = Incidents(name, journal)
        self.comparisons = Comparisons(name, journal)
        self.changed = False
        self._journal = journal
        self._say = say
        self._say_incident = say_incident

    def is_new(self, delta: Delta, now: float | None) -> bool:
        """Note a delta's place in its chain; False where it was taken before."""
        new = self.sources.take(delta, now)
        if new:
            self._touch()
        return new

    def take(self, arrived: Arrived, specs: Specs, versions: Iterable[str]) -> None:
        """Add what a delta tells, of the versions named."""
        for outcome, count in arrived.delta.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        for name in versions:
            version = self.versions.get(name) or self._add_version(name)
            rows = arrived.versions[name]
            version.take(arrived.delta.source, rows, specs)
            span = version.spec_of(rows.part.digest).drift.span_seconds
            self.comparisons.take(name, rows.part.paired, span)
        self._touch()

    def advance(self, now: float | None, ended: float | None, idle_timeout: float) -> None:
        """Bring windows, errors and incidents up to the time that all sources have reached; see `Sources`."""
        if self.sources.advance(ended, idle_timeout):
            self._touch()
        self._advance_versions(now)

    def finish(self, now: float | None) -> None:
        """Close and settle everything."""
        self.sources.finish()
        self._touch()
        self._advance_versions(now)

    def revise(self, now: float, interval: float) -> None:
        """Publish what changed in closed windows."""
        revised = [version.revise(now, interval) for version in self.versions.values()]
        self.changed |= any(revised)

    def _advance_versions(self, now: float | None) -> None:
        watermark, clock = self.sources.watermark, self.sources.clock
        if not self.versions:
            return
        successor = max(self.versions.values(), key=_newest_prediction)
        # All of them before the incidents of any: what another version did may be why.
        found = [(version, version.advance(watermark, clock, now)) for version in self.versions.values()]
        for version, findings in found:
            ended = self._ended(version, clock, successor)
            for told in self.incidents.take(
                version.version,
                version.spec,
                findings,
                min(clock, ended),
                facts=version.facts(),
                elsewhere=self._elsewhere(version),
            ):
                self._tell(told)
            if ended < clock:
                for told in self.incidents.supersede(version.version, version.spec, successor.version, ended):
                    self._tell(told)

        specs = {name: version.spec for name, version in self.versions.items()}
        for decided in self.comparisons.advance(clock, specs):
            self._say(comparison_message(decided))

    def _elsewhere(self, version: Version) -> list[Changed]:
        """What other versions did that may be why something is wrong with this one."""
        return [
            first
            for other in self.versions.values()
            if other is not version and (first := other.first_predictions)
        ]

    def _ended(self, version: Version, clock: float, successor: Version) -> float:
        """Until when a version is judged: infinity, unless it makes no predictions any more and another one does."""
        newest, spec = version.newest_prediction, version.spec
        if newest is None or clock == math.inf or _newest_prediction(successor) <= newest:
            return math.inf
        # By then its labels have come, and its last span was judged.
        return newest + spec.horizon_seconds + spec.drift.span_seconds + spec.staleness_seconds

    def _tell(self, told: Told) -> None:
        self.changed = True
        self._say_incident(told)

    def _add_version(self, name: str) -> Version:
        version = Version(self.name, name, self._journal, self._say)
        self.versions[name] = version
        return version

    def _touch(self) -> None:
        self.changed = True
        self._journal.put(key("model", self.name), self._pack)

    # The store

    def restore(self, fields: Mapping[str | None, Mapping[Kind, list[tuple[list[Any], bytes]]]]) -> None:
        """Take back what the store held, by version (``None``: the model's own) and kind."""
        own = fields.get(None, {})
        for _, data in own.get("model", ()):
            state = unpack(ModelState, data)
            self.sources, self.outcomes = Sources(state.sources), state.outcomes
        for _, data in own.get("comparison", ()):
            self.comparisons.restore(data)
        for name, of_version in fields.items():
            if name is not None:
                for _, data in of_version.get("incidents", ()):
                    self.incidents.restore_version(name, data)
                for _, data in of_version.get("why", ()):
                    self.incidents.restore_diary(name, data)
                for (start, seconds, _), data in of_version.get("paired", ()):
                    self.comparisons.restore_sample(name, start, seconds, data)
                for _, data in of_version.get("resolved", ()):
                    self.incidents.restore_resolved(data)
                version = self._add_version(name)
                version.restore(of_version)

    def _pack(self) -> bytes:
        return pack(ModelState(self.sources.state, self.outcomes))


def _newest_prediction(version: Version) -> float:
    return version.newest_prediction or 0.0
