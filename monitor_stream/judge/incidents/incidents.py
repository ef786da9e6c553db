"""The incidents of a model, as they are kept and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from monitor_stream.events.results import Finding, Incident, Severity
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.incidents.version import Told, VersionIncidents, VersionState
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.why import Changed, Diary, Fact
from monitor_stream.judge.why.diary import DiaryState

#: Resolved incidents kept for readers: the newest of the model.
MAX_RESOLVED: Final = 100


class Incidents:
    """The incidents of a model. Each version is one field of the state, and each resolved incident another.

    >>> Incidents("m", Journal({})).document()
    []
    """

    def __init__(self, model: str, journal: Journal) -> None:
        self._model = model
        self._journal = journal
        self._versions: dict[str, VersionIncidents] = {}
        self._resolved: dict[str, Incident] = {}

    def restore_version(self, version: str, data: bytes) -> None:
        """Take back what the store held of a version."""
        self._of(version).restore(unpack(VersionState, data))

    def restore_resolved(self, data: bytes) -> None:
        """Take back a resolved incident."""
        incident = unpack(Incident, data)
        self._resolved[incident.id] = incident

    def restore_diary(self, version: str, data: bytes) -> None:
        """Take back what the store held of what happened to a version."""
        self._of(version).diary = Diary(unpack(DiaryState, data))

    def take(
        self,
        version: str,
        spec: ModelSpec,
        findings: Iterable[Finding],
        clock: float,
        *,
        facts: Iterable[Fact] = (),
        elsewhere: Sequence[Changed] = (),
    ) -> list[Told]:
        """Take in what was found of a version, and what else happened to it and `elsewhere`, in the other versions.

        What happened to its incidents before the clock, in order.
        """
        of_version = self._of(version)
        told = of_version.take(spec, findings, clock, facts=facts, elsewhere=elsewhere)
        return self._keep(version, of_version, told)

    def supersede(self, version: str, spec: ModelSpec, successor: str, at: float) -> list[Told]:
        """Close what is open of a version that another one has replaced."""
        of_version = self._of(version)
        return self._keep(version, of_version, of_version.supersede(spec, successor, at))

    def open(self, version: str) -> list[Incident]:
        """What is wrong with a version."""
        return list(self._of(version).open.values())

    def opened(self, version: str) -> dict[Severity, int]:
        """How many incidents of a version have opened, by the severity they opened with."""
        return dict(self._of(version).opened)

    def document(self) -> list[Incident]:
        """Open ones, what is pending, and the resolved; of each the newest first."""
        versions = self._versions.values()
        pending = [incident for version in versions if (incident := version.pending()) is not None]
        opened = [incident for version in versions for incident in version.open.values()]
        return [*_newest(opened), *_newest(pending), *_newest(self._resolved.values())]

    def _of(self, version: str) -> VersionIncidents:
        found = self._versions.get(version)
        if found is None:
            found = self._versions[version] = VersionIncidents(self._model, version)
        return found

    def _keep(self, version: str, of_version: VersionIncidents, told: list[Told]) -> list[Told]:
        if of_version.changed:
            of_version.changed = False
            self._journal.put(key("incidents", self._model, version), lambda: pack(of_version.state()))
        if of_version.diary.changed:
            of_version.diary.changed = False
            self._journal.put(key("why", self._model, version), lambda: pack(of_version.diary.state))
        for each in told:
            if each.happening == "resolved":
                self._retire(each.incident)
        return told

    def _retire(self, incident: Incident) -> None:
        self._resolved[incident.id] = incident
        self._journal.put(key("resolved", self._model, incident.version, incident.id), lambda: pack(incident))
        for old in _newest(self._resolved.values())[MAX_RESOLVED:]:
            del self._resolved[old.id]
            self._journal.delete(key("resolved", self._model, old.version, old.id))


def _newest(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda incident: (incident.opened, incident.id), reverse=True)
