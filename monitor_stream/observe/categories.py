"""Codes of a categorical feature's values: those its reference names, then those that are met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import UNSET

from monitor_stream.events.delta import MAX_CODES
from monitor_stream.events.spec import OTHER, CategoricalReference, Reference
from monitor_stream.events.tables import MAX_UNSEEN, UNSEEN_CHARACTERS
from monitor_stream.observe.kinds import ABSENT, NULL, WRONG
from monitor_stream.observe.values import text

#: The code of a value that must be looked at.
_MISS: Final = -1.0
#: JSON's booleans equal 1 and 0 as keys, and are other values than these.
_ALIKE: Final = frozenset({"true", "false", "1", "0"})


class Categories:
    """The codes of one feature.

    Values that the reference names have the codes below `base`, in the order of its `shares`. Others get the next ones in the
    order in which the topic brings them, up to a limit, and the rest share one more: with a reference that names all
    values the first `MAX_UNSEEN`, by the beginning of their text; with one that does not, none; without a reference
    the first `MAX_CODES`, but none whose text is longer than a name may be.

    >>> categories = Categories(CategoricalReference(n=9, missing=0.0, shares={"UA": 0.5, "1": 0.5}))
    >>> categories.codes([1.0, "XX", "UA", True, None]), categories.name(2)
    ([1.0, 2.0, 0.0, 3.0, nan], 'XX')
    """

    def __init__(self, reference: Reference | None, met: Iterable[str] = ()) -> None:
        known = reference if isinstance(reference, CategoricalReference) else None
        self.named = list(known.shares) if known else []
        self.base = len(self.named)
        self.complete = known is not None and known.other == 0.0
        self.limit = (MAX_UNSEEN if self.complete else 0) if known else MAX_CODES
        self._named = {name: float(code) for code, name in enumerate(self.named)}
        self._met = {name: float(self.base + place) for place, name in enumerate(met)}
        self._codes: dict[Any, float] = {None: NULL, UNSET: ABSENT, WRONG: WRONG}
        for name, code in (self._met | self._named).items():
            self._remember(name, code)
        self._settle()

    @property
    def met(self) -> list[str]:
        """The values that were met and have a code of their own, in its order."""
        return list(self._met)

    def codes(self, column: Sequence[Any]) -> list[float]:
        """The code of each value: text, number or boolean, ``None``, ``UNSET``, or minus infinity for what is none."""
        if self._careful:
            column = [text(value) if value.__class__ is bool else value for value in column]
        get, default = self._codes.get, self._default
        codes = [get(value, default) for value in column]
        if default == _MISS and _MISS in codes:
            for at, code in enumerate(codes):
                if code == _MISS:
                    codes[at] = self._meet(column[at])
            self._settle()
        return codes

    def name(self, code: int) -> str:
        """The name of a value that was met."""
        place = code - self.base
        return self.met[place] if place < len(self._met) else OTHER

    def _meet(self, value: Any) -> float:
        whole = value if isinstance(value, str) else text(value)
        if whole in self._named:
            return self._named[whole]
        rest = float(self.base + self.limit)
        if len(whole) > UNSEEN_CHARACTERS and not self.complete:
            return rest
        name = whole[:UNSEEN_CHARACTERS]
        if name not in self._met:
            if len(self._met) >= self.limit:
                return rest
            self._met[name] = float(self.base + len(self._met))
            if name not in self._named:
                self._remember(name, self._met[name])
        return self._met[name]

    def _remember(self, name: str, code: float) -> None:
        """A name, and the number of the same text."""
        self._codes[name] = code
        try:
            number = float(name)
        except ValueError:
            return
        if text(number) == name:
            self._codes[number] = code

    def _settle(self) -> None:
        # A name that may be the beginning of a longer text cannot be found by that text.
        found = len(self._met) >= self.limit and all(len(name) < UNSEEN_CHARACTERS for name in self._met)
        self._default = float(self.base + self.limit) if found else _MISS
        self._careful = not _ALIKE.isdisjoint(self._named) or not _ALIKE.isdisjoint(self._met)
