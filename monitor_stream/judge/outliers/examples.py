"""The furthest outliers of a day, as they were, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from monitor_stream.events.delta import EXAMPLES, Example
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import split_grouped
from monitor_stream.judge.persist import Journal, key, pack, unpack

#: What stands where the spec hides a value.
MASKED: Final = "***"


class ExamplesState(msgspec.Struct, frozen=True, array_like=True):
    """Those that are kept, all of one day."""

    examples: list[Example] = []


class KeptExamples:
    """Those of the newest day that has some: the `EXAMPLES` with the highest scores, whichever source sent them when.

    A new spec that wants none stored, or more features masked, holds for what is kept already.
    """

    def __init__(self, model: str, version: str, journal: Journal) -> None:
        self._field = key("examples", model, version)
        self._journal = journal
        self._examples: list[Example] = []

    def restore(self, data: bytes) -> None:
        """Take back what the store held."""
        self._examples = unpack(ExamplesState, data).examples

    def take(self, examples: Iterable[Example], spec: ModelSpec) -> None:
        """Take in what a source sent, under the spec in force."""
        kept = merged(obeying([*self._examples, *examples], spec))
        if kept == self._examples:
            return
        self._examples = kept
        if kept:
            self._journal.put(self._field, lambda: pack(ExamplesState(self._examples)))
        else:
            self._journal.delete(self._field)

    def document(self) -> list[Example]:
        """Those that are kept, the highest score first."""
        return list(self._examples)


def obeying(examples: Iterable[Example], spec: ModelSpec) -> list[Example]:
    """What of some examples a spec lets be kept: none, or all that is not told by a masked feature alone, with the values of these
    hidden.

    >>> one = Example(0, 2.0, 1, 5.0, "a", "size", {"size": 9.0, "name": "Ann"})
    >>> obeying([one], ModelSpec(model="m", task="binary", masked=["name"]))[0].features
    {'size': 9.0, 'name': '***'}
    >>> obeying([one], ModelSpec(model="m", task="binary", masked=["size"]))
    []
    """
    if not spec.store_examples:
        return []
    masked = set(spec.masked)
    told = [example for example in examples if masked.isdisjoint(split_grouped(example.reason))]
    return [_hidden(example, masked) if masked & example.features.keys() else example for example in told]


def _hidden(example: Example, masked: set[str]) -> Example:
    features = {name: MASKED if name in masked else value for name, value in example.features.items()}
    return msgspec.structs.replace(example, features=features)


def merged(examples: Iterable[Example]) -> list[Example]:
    """The furthest of the newest day."""
    some = list(examples)
    newest = max((example.start for example in some), default=0)
    return sorted((example for example in some if example.start == newest), key=_rank)[:EXAMPLES]


def _rank(example: Example) -> tuple[float, int, float, str]:
    return -example.score, example.hash, example.time, example.prediction_id
