"""Features that are vectors: their norms, and the components that are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.tables import MAX_COMPONENTS, component_group
from monitor_stream.observe.kinds import vectors


class Vectors:
    """The vectors of one version.

    A vector has the dimension of its first value, unless the spec says it. The components of the first ones to have a
    dimension are followed, `MAX_COMPONENTS` in all; of the others the norm is.

    >>> vectors = Vectors({})
    >>> vectors.read({"v": [[3.0, 4.0], None]})
    ({'v': [5.0, nan]}, array([[ 3.,  4.],
           [nan, nan]]))
    >>> vectors.components
    ['v[0]', 'v[1]']
    """

    def __init__(self, dimensions: Mapping[str, int]) -> None:
        self.dimensions: dict[str, int] = {}
        self.components: list[str] = []
        self._followed: list[str] = []
        for name, dimension in dimensions.items():
            self._follow(name, dimension)

    def read(self, columns: Mapping[str, Sequence[Any]]) -> tuple[dict[str, list[float]], Floats]:
        """Norms by feature, and the components that are followed, side by side in the order of `components`."""
        self._learn({name: column for name, column in columns.items() if name not in self.dimensions})
        read = {name: vectors(column, self.dimensions.get(name, 0)) for name, column in columns.items()}
        parts = [read[name][1] for name in self._followed]
        count = len(next(iter(columns.values()), ()))
        norms = {name: norm for name, (norm, _) in read.items()}
        return norms, np.concatenate(parts, axis=1) if parts else np.empty((count, 0))

    def _learn(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Event by event, so that it does not matter how the topic was cut."""
        for values in zip(*columns.values(), strict=True):
            for name, value in zip(columns, values, strict=True):
                if isinstance(value, list) and value and name not in self.dimensions:
                    self._follow(name, len(value))
            if self.dimensions.keys() >= columns.keys():
                return

    def _follow(self, name: str, dimension: int) -> None:
        self.dimensions[name] = dimension
        if len(self.components) + dimension <= MAX_COMPONENTS:
            self._followed.append(name)
            self.components += [component_group(name, index) for index in range(dimension)]
