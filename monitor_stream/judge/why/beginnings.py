"""What a version's windows tell of its beginnings: its first predictions, and each new spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.why.facts import Changed
from monitor_stream.judge.windows import OpenWindow


class BeginningsState(msgspec.Struct, array_like=True):
    """The first window with predictions, in Unix seconds, and the spec of the newest one."""

    start: float | None = None
    end: float = 0.0
    digest: str = ""


class Beginnings:
    """Sees closed windows go by.

    >>> Beginnings("m", "2", Journal({})).first is None
    True
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._version = version
        self._field = key("beginnings", model, version)
        self._journal = journal
        self._state = BeginningsState()

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._state = unpack(BeginningsState, data)

    @property
    def first(self) -> Changed | None:
        """The first predictions, which other versions' incidents may have to do with."""
        state = self._state
        if state.start is None:
            return None
        detail = f"version {self._version} made its first predictions"
        return Changed(state.end, state.start, state.end, "version", detail)

    def take(self, closed: Iterable[OpenWindow], spec_of: Callable[[str], ModelSpec]) -> list[Changed]:
        """Take in windows that have closed, in their order; where another spec was taken up."""
        found: list[Changed] = []
        for window in closed:
            if not window.sums.total("traffic", 0) or window.reference == self._state.digest:
                continue
            if self._state.start is None:
                self._state.start, self._state.end = float(window.start), window.end
            else:
                found.append(self._changed(window, spec_of(window.reference)))
            self._state.digest = window.reference
            self._journal.put(self._field, lambda: pack(self._state))
        return found

    def _changed(self, window: OpenWindow, spec: ModelSpec) -> Changed:
        what = (
            "its references were learned from the stream"
            if spec.learned_until
            else "a new spec was published"
        )
        detail = f"{what}: {window.reference} took the place of {self._state.digest}"
        return Changed(window.end, float(window.start), window.end, "spec", detail)
