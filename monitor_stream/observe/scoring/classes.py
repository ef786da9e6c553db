"""Names of classes, a bounded number, in the order in which their topic brought them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from monitor_stream.events.delta import Ints
from monitor_stream.events.spec import MAX_CLASSES, OTHER
from monitor_stream.observe.values import MAX_TEXT, hashes


class Classes:
    """The first classes a topic brought have a name, the rest share one.

    A class without a name when it was first met has none later either, so what a pair counts for does not depend on
    when its two halves were read.

    >>> classes = Classes(["cat"])
    >>> classes.learn(["dog", "cat"])
    >>> classes.codes(hashes(["dog", "emu"])), classes.name(1), classes.name(50)
    (array([ 1, 50]), 'dog', '__other__')
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = []
        self._hashes = np.empty(0, np.uint64)
        self._known: set[str] = set()
        self.learn(names)

    @property
    def full(self) -> bool:
        """Whether no further class gets a name."""
        return len(self.names) >= MAX_CLASSES

    def learn(self, texts: Iterable[str]) -> None:
        """Give names, in order, while there are any left."""
        if self.full:
            return
        for name in dict.fromkeys(texts):
            if name not in self._known and not self.full:
                self.names.append(name)
                self._known.add(name)
        self._hashes = hashes(self.names)
        self._order = np.argsort(self._hashes)

    def codes(self, words: npt.NDArray[np.uint64]) -> Ints:
        """The number of each class by the hash of its text, `MAX_CLASSES` for those without a name."""
        if not self.names:
            return np.full(len(words), MAX_CLASSES)
        ordered = self._hashes[self._order]
        places = np.minimum(np.searchsorted(ordered, words), len(ordered) - 1)
        return np.where(ordered[places] == words, self._order[places], MAX_CLASSES)

    def name(self, code: int) -> str:
        """The name of a number."""
        return self.names[code][:MAX_TEXT] if code < len(self.names) else OTHER
