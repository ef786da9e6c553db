"""One challenger against one champion, from the span in which both were first seen until a role or a rule changes."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Comparison
from monitor_stream.events.spec import CompareRules, ModelSpec, Task
from monitor_stream.judge.comparison.answers import Answers
from monitor_stream.judge.comparison.pairing import Overlap, Together, pairs, side_by_side, smaller
from monitor_stream.judge.comparison.standing import Standing

#: Segment values that are followed: the first so many, the larger ones of a span first. Each has that part of the level.
MAX_VALUES: Final = 20


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """Who is compared, and how; `refused` says why they cannot be. Other terms make another comparison."""

    challenger: str
    champion: str
    task: Task
    rules: CompareRules
    refused: str = ""

    @classmethod
    def of(cls, challenger: str, champion: str, ours: ModelSpec, theirs: ModelSpec) -> Terms:
        """The terms that two specs make."""
        refused = ""
        if ours.task != theirs.task:
            refused = f"version {challenger} is {ours.task}, the champion {champion} is {theirs.task}"
        elif ours.drift.span_seconds != theirs.drift.span_seconds:
            refused = (
                f"a span of version {challenger} lasts {ours.drift.span_seconds:g} s, "
                f"one of the champion {champion} {theirs.drift.span_seconds:g} s"
            )
        return cls(challenger, champion, ours.task, ours.compare, refused)

    @property
    def bounded(self) -> bool:
        """Whether errors are 0 or 1."""
        return self.task != "regression"


class Trial(msgspec.Struct, array_like=True):
    """The state of a comparison: standings by segment value (``""`` for all), both ways until it is known which way it is.

    `since` is the start of the first span, `until` the end of the last one that counts, `ended` when it was over.
    """

    terms: Terms
    since: float
    until: float
    overlap: Overlap = msgspec.field(default_factory=Overlap)
    by_pairs: dict[str, Standing] = {}
    unpaired: dict[str, Standing] = {}
    told: list[str] = []
    ended: float | None = None

    def add(self, challenger: Answers, champion: Answers, end: float) -> None:
        """Take in a span that is over, and look at the evidence."""
        both, all_of_both = pairs(challenger, champion), side_by_side(challenger, champion)
        self.overlap.add(len(both.challenger), smaller(challenger, champion))
        self.until = end
        if self.overlap.paired is not False:
            for standing, part in self._followed(self.by_pairs, both):
                standing.add_pairs(part.challenger, part.champion)
        if self.overlap.paired is not True:
            for standing, part in self._followed(self.unpaired, all_of_both):
                standing.add_unpaired(part.challenger, part.champion)
        if self.overlap.paired is not None:
            self._decide(end)

    def _decide(self, at: float) -> None:
        """Let the way that the versions are not compared go, and look at the other."""
        if self._is_paired():
            self.unpaired = {}
        else:
            self.by_pairs = {}
        for value, standing in self._standings().items():
            least = self.terms.rules.minimum_effect
            standing.decide(self._alpha(value), least, at, bounded=self.terms.bounded)

    def news(self, model: str) -> Comparison | None:
        """The comparison where it says that the challenger is better, or worse, and did not say so before."""
        standing = self._standings().get("")
        if standing is None or standing.verdict not in {"better", "worse"} or standing.verdict in self.told:
            return None
        self.told.append(standing.verdict)
        return self._document(model, "", standing)

    def documents(self, model: str) -> list[Comparison]:
        """As readers see it: over all first, then by segment value."""
        known = {value: standing for value, standing in self._standings().items() if standing.n}
        standings = {"": Standing()} | known
        return [self._document(model, value, standings[value]) for value in sorted(standings)]

    def _followed(self, known: dict[str, Standing], span: Together) -> list[tuple[Standing, Together]]:
        """The standings, and what a span has for each; new values are taken up while there is room."""
        if self.terms.rules.segment:
            values, counts = np.unique(span.challenger_values, return_counts=True)
            room = MAX_VALUES + 1 - len(known | {"": None})
            by_size = sorted(zip((-counts).tolist(), values.tolist(), strict=True))
            new = [value for _, value in by_size if value and value not in known][:room]
            known |= {value: Standing() for value in new}
        known.setdefault("", Standing())
        return [(standing, span.of(value) if value else span) for value, standing in known.items()]

    def _standings(self) -> dict[str, Standing]:
        return self.by_pairs if self._is_paired() else self.unpaired

    def _is_paired(self) -> bool:
        return self.overlap.pairs > 0 if self.overlap.paired is None else self.overlap.paired

    def _alpha(self, value: str) -> float:
        return self.terms.rules.alpha / (MAX_VALUES if value else 1)

    def _document(self, model: str, value: str, standing: Standing) -> Comparison:
        challenger_error, champion_error = standing.errors()
        alpha = self._alpha(value)
        low, high = standing.interval(alpha, bounded=self.terms.bounded)
        return Comparison(
            model=model,
            champion=self.terms.champion,
            challenger=self.terms.challenger,
            group=f"{self.terms.rules.segment}={value}" if value else "",
            paired=self._is_paired(),
            n=standing.n,
            spans=standing.evidence.spans,
            since=moment(self.since),
            until=moment(self.until),
            champion_error=champion_error,
            challenger_error=challenger_error,
            effect=standing.evidence.effect,
            low=low,
            high=high,
            alpha=alpha,
            verdict=standing.verdict,
            decided=None if standing.decided is None else moment(standing.decided),
            ended=None if self.ended is None else moment(self.ended),
            not_computable=self.terms.refused,
        )
