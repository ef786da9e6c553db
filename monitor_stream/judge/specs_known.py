"""The specs that a version's windows were made with, and the one in force."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.reading import VersionRows
from monitor_stream.judge.sums import task_of


class KnownSpecs:
    """Specs by digest; each is one field of the state, written once.

    Deltas name by its digest the spec that their rows were made with. After a change of spec those of the former one
    go on coming, as labels of predictions made under it. `current` is the published one, else the last that OBSERVE
    inferred, else a guess until either is heard of.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._known: dict[str, ModelSpec] = {}
        self._published: ModelSpec | None = None
        self.current = ModelSpec(model=model, version=version, task="regression", inferred=True)
        self.digest = self.current.digest

    def restore(self, digest: str, data: bytes) -> None:
        """Take back what the store held."""
        self._known[digest] = unpack(ModelSpec, data)

    def adopt(self, digest: str) -> None:
        """Put the spec in force that was so at the commit."""
        self.digest, self.current = digest, self.find(digest)

    def find(self, digest: str) -> ModelSpec:
        """The spec of a digest; the current one where it is not known."""
        return self._known.get(digest, self.current)

    def known(self, digest: str) -> ModelSpec | None:
        """The spec of a digest, if it was ever heard of."""
        return self._known.get(digest)

    def hear(self, rows: VersionRows, specs: Specs) -> None:
        """Learn from a delta and from what is published which spec is in force."""
        published = specs.find(*self._owner)
        carried, digest = rows.part.spec, rows.part.digest
        if carried is not None and digest not in self._known:
            self._learn(digest, carried)
            if published is None and "traffic" in rows.tables:  # a former one brings no predictions any more
                self.digest, self.current = digest, carried
        if published is not None and published is not self._published:
            self._published = published
            self.digest, self.current = published.digest, published
            if self.digest not in self._known:
                self._learn(self.digest, published)
        if not self._known:
            self.current = _guess(self.current, rows)

    def horizon(self) -> float:
        """The longest horizon of those known, in seconds: until then rows may come for an unsettled window."""
        return max((s.horizon_seconds for s in (*self._known.values(), self.current)), default=0.0)

    def prune(self, used: Collection[str]) -> None:
        """Forget those that are neither in force nor of a window that rows may come for."""
        for digest in [d for d in self._known if d != self.digest and d not in used]:
            del self._known[digest]
            self._journal.delete(self._field(digest))

    def __len__(self) -> int:
        return len(self._known)

    def _learn(self, digest: str, spec: ModelSpec) -> None:
        self._known[digest] = spec
        self._journal.put(self._field(digest), lambda: pack(spec))

    def _field(self, digest: str) -> str:
        return key("spec", *self._owner, digest)


def _guess(spec: ModelSpec, rows: VersionRows) -> ModelSpec:
    """A spec for rows that came before their own was heard of: their columns tell the task."""
    performance = rows.tables.get("performance")
    if performance is None or not performance[1].groups:
        return spec
    task = task_of(performance[1].sums.shape[1])
    return spec if task == spec.task else msgspec.structs.replace(spec, task=task)
