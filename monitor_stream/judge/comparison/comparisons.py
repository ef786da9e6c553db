"""The comparisons of a model: who is compared with whom, span by span."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from monitor_stream.events.delta import PairedSample
from monitor_stream.events.results import Comparison
from monitor_stream.events.spec import ModelSpec, Stage
from monitor_stream.judge.comparison.answers import Answers
from monitor_stream.judge.comparison.held import HeldSamples
from monitor_stream.judge.comparison.trial import Terms, Trial
from monitor_stream.judge.persist import Journal, key, pack, unpack

#: Challengers and shadows of a model that are compared at a time; another one takes the place of the one that was silent for
#: longest, or waits until one is.
MAX_RUNNING: Final = 20
#: Comparisons that are over and kept for readers: the newest.
MAX_ENDED: Final = 20


class ComparisonsState(msgspec.Struct, array_like=True):
    """What is known of all comparisons of a model, and up to where spans are over."""

    floor: float
    running: dict[str, Trial]
    ended: list[Trial]


class Comparisons:
    """Holds what versions answered until a span is over, and holds challengers and shadows against the champion then.

    A span is over when the clock has passed its end and the duplicate window: then no label of it can find a prediction any
    more, whatever is read later. So a comparison depends on the spans alone, not on how their reading interleaved.

    >>> Comparisons("m", Journal({})).document()
    []
    """

    def __init__(self, model: str, journal: Journal) -> None:
        self._model = model
        self._journal = journal
        self._held = HeldSamples(model, journal)
        self._running: dict[str, Trial] = {}
        self._ended: list[Trial] = []

    def restore(self, data: bytes) -> None:
        """Take back what the store held of the comparisons."""
        state = unpack(ComparisonsState, data)
        self._held.floor, self._running, self._ended = state.floor, state.running, state.ended

    def restore_sample(self, version: str, start: int, seconds: float, data: bytes) -> None:
        """Take back what the store held of a version's answers in a span."""
        self._held.restore(version, start, seconds, data)

    def take(self, version: str, samples: Iterable[PairedSample], seconds: float) -> None:
        """Take in what a version answered; spans are `seconds` long."""
        for sample in samples:
            self._held.add(version, sample.start, seconds, Answers.read(sample))

    def advance(self, clock: float, specs: Mapping[str, ModelSpec]) -> list[Comparison]:
        """Compare on the spans that are over by now; the comparisons that say for the first time that a challenger is better, or
        worse.
        """
        window = max((spec.duplicate_window_seconds for spec in specs.values()), default=0.0)
        news = []
        for (start, seconds), answers in self._held.over(clock - window):
            self._end(specs, start)
            news += self._span(start, start + seconds, answers, specs)
            self._journal.put(key("comparison", self._model), self._pack)
        return news

    def document(self) -> list[Comparison]:
        """Those that go on, by challenger, then those that are over, the newest first."""
        running = [self._running[challenger] for challenger in sorted(self._running)]
        trials = [*running, *reversed(self._ended)]
        return [comparison for trial in trials for comparison in trial.documents(self._model)]

    def _span(
        self, start: float, end: float, answers: Mapping[str, Answers], specs: Mapping[str, ModelSpec]
    ) -> list[Comparison]:
        roles = {version: Role.of(version, specs[version]) for version in answers if version in specs}
        champions = [version for version, role in roles.items() if role.stage == "champion"]
        best = max(champions, key=lambda version: roles[version].age, default=None)
        news = []
        for challenger in [version for version, role in roles.items() if role.stage != "champion"]:
            trial = self._trial(challenger, best, specs, start)
            if trial is None or trial.terms.champion not in answers:
                continue
            if trial.terms.refused:
                trial.until = end
                continue
            trial.add(answers[challenger], answers[trial.terms.champion], end)
            found = trial.news(self._model)
            news += [found] if found is not None else []
        return news

    def _trial(
        self, challenger: str, best: str | None, specs: Mapping[str, ModelSpec], start: float
    ) -> Trial | None:
        """The comparison of a challenger that goes on, or a new one with the newest champion that was at work, if there is room."""
        trial = self._running.get(challenger)
        if trial is not None and (best is None or not _is_newer(best, trial.terms.champion, specs)):
            return trial
        if best is None:
            return None
        if trial is not None:
            self._retire(challenger, start)
        if not self._has_room(start):
            return None
        terms = Terms.of(challenger, best, specs[challenger], specs[best])
        self._running[challenger] = Trial(terms, since=start, until=start)
        return self._running[challenger]

    def _end(self, specs: Mapping[str, ModelSpec], at: float) -> None:
        """End what a new spec has put an end to: another role, another rule."""
        for challenger, trial in list(self._running.items()):
            champion = trial.terms.champion
            is_one = Role.of(champion, specs[champion]).stage == "champion"
            is_other = Role.of(challenger, specs[challenger]).stage == "champion"
            terms = Terms.of(challenger, champion, specs[challenger], specs[champion])
            if is_other or not is_one or terms != trial.terms:
                self._retire(challenger, at)

    def _has_room(self, at: float) -> bool:
        if len(self._running) >= MAX_RUNNING:
            silent = [name for name, trial in self._running.items() if trial.until < at]
            if silent:
                self._retire(min(silent, key=lambda name: (self._running[name].until, name)), at)
        return len(self._running) < MAX_RUNNING

    def _retire(self, challenger: str, at: float) -> None:
        trial = self._running.pop(challenger)
        trial.ended = max(at, trial.until)
        if not trial.terms.refused:
            self._ended = [*self._ended, trial][-MAX_ENDED:]

    def _pack(self) -> bytes:
        return pack(ComparisonsState(self._held.floor, self._running, self._ended))


class Role(NamedTuple):
    """What a version is for, and how new its spec is: the newest champion counts.

    A version without a spec of its own is read by another one's, or by one that was inferred: it is a champion of age 0.
    """

    stage: Stage
    age: tuple[float, str]

    @classmethod
    def of(cls, version: str, spec: ModelSpec) -> Role:
        """The role that a spec gives a version."""
        if spec.inferred or spec.version != version:
            return cls("champion", (0.0, version))
        return cls(spec.stage, (spec.created, version))


def _is_newer(one: str, other: str, specs: Mapping[str, ModelSpec]) -> bool:
    return Role.of(one, specs[one]).age > Role.of(other, specs[other]).age
