"""Intervals of 95 %, by the sampling of pairs alone: what would differ had other requests of the same kind come.

Each kind is a file. All take sums, are finite and within the range of what they are of, or are ``None`` where there are too few pairs
for the law they rest on: nothing said is better than something false.
"""

from __future__ import annotations

from typing import Final

Interval = tuple[float, float]

#: Half the width of a 95 % interval in standard errors.
Z95: Final = 1.959963984540054
