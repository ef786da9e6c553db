"""A version whose spec has no references gets them from its stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.drift.evaluate import has_reference
from monitor_stream.judge.drift.learn import complete, enough, learn
from monitor_stream.judge.persist import Journal, key, pack, unpack
from monitor_stream.judge.spans import OpenSpan, Spans
from monitor_stream.judge.specs_known import KnownSpecs

#: Closed spans whose rows are held until there are enough: the newest.
MAX_SPANS: Final = 100


class LearningState(msgspec.Struct, array_like=True):
    """What was learned, and the digest of the spec that was asked to be completed by it and is still in force."""

    learned: ModelSpec | None = None
    asked: str = ""


class Learning:
    """Keeps the sampled rows of closed spans until there are enough of them, makes references, and says the completed spec.

    It is said once, and comes back as any published spec does; what was held is dropped then. Where somebody
    publishes a spec without references again, it is completed by what was learned before.
    """

    def __init__(self, model: str, version: str, journal: Journal, say: Callable[[ModelSpec], None]) -> None:
        self._owner = (model, version)
        self._journal = journal
        self._say = say
        self._state = LearningState()

    def advance(self, spans: Spans, specs: KnownSpecs) -> None:
        """Look at the spans that have closed."""
        material = [span for span in spans.waiting if lacks_reference(specs.known(span.digest))]
        if has_reference(specs.current):
            spans.finish(material)
            self._note(asked="")
        elif specs.known(specs.digest) is not None:
            spans.finish(material[:-MAX_SPANS])
            self._learn(material[-MAX_SPANS:], specs)

    def _learn(self, material: list[OpenSpan], specs: KnownSpecs) -> None:
        samples = [span.sampled[span.digest] for span in material if span.digest in span.sampled]
        if self._state.learned is None and enough(samples):
            learned = learn(specs.current, samples, until=material[-1].end)
            if has_reference(learned):
                self._note(learned=learned)
        if self._state.learned is None or self._state.asked == specs.digest:
            return
        completed = complete(specs.current, self._state.learned)
        if has_reference(completed):
            model, version = self._owner
            self._say(msgspec.structs.replace(completed, model=model, version=version))
        self._note(asked=specs.digest)

    def _note(self, *, learned: ModelSpec | None = None, asked: str | None = None) -> None:
        before = self._state
        self._state = LearningState(learned or before.learned, before.asked if asked is None else asked)
        if self._state != before:
            self._journal.put(key("learned", *self._owner), lambda: pack(self._state))

    def restore(self, data: bytes) -> None:
        """Take back what was learned and said."""
        self._state = unpack(LearningState, data)


def lacks_reference(spec: ModelSpec | None) -> bool:
    """Whether nothing that was read under a spec can be judged; of one that is not known, nobody can say so."""
    return spec is not None and not has_reference(spec)
