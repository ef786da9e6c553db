"""What each feature contributed to answers, as events tell it: the table `attributions`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Raw

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import COLUMNS, MAX_COLUMNS
from monitor_stream.observe.decode import NULL
from monitor_stream.observe.fields import can_be_field, field_names
from monitor_stream.observe.sums import GROUPS, Rows, Windows, by_window
from monitor_stream.observe.values import MAX_NUMBER

_WIDTH: Final = len(COLUMNS["attributions"])


class Attributions:
    """Adds up attributions of the features that a spec names, the first `MAX_COLUMNS` of them.

    An attribution changes nothing else, so one that is no number, or too large to be squared and summed, is left out, and the
    event is not.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.names = list(dict.fromkeys(feature.name for feature in spec.features))[:MAX_COLUMNS]
        row = msgspec.defstruct(
            "Attributions",
            [(f"a{index}", float | None, None) for index in range(len(self.names))],
            rename={f"a{index}": name for index, name in enumerate(field_names(self.names))},
            # A name that cannot be a field is looked for event by event; names not asked for are of no concern.
            forbid_unknown_fields=not all(map(can_be_field, self.names)),
            gc=False,
        )
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[row | None]).decode  # type: ignore[valid-type]

    def observe(self, windows: Windows, raws: Sequence[Raw], rows: Rows) -> None:
        """Add up the field `attributions` of events to `rows`."""
        absent = raws.count(NULL)
        if absent == len(raws) or not self.names:
            return
        if absent:
            told = np.array([at for at, raw in enumerate(raws) if raw != NULL], np.int64)
            windows, raws = windows.select(told), [raws[at] for at in told.tolist()]
        matrix = self.read(raws)
        there = np.isfinite(matrix)
        values = np.where(there, matrix, 0.0)
        numbers, counts = by_window(windows, there.astype(np.float64))
        sums = np.zeros((*counts.shape, _WIDTH))
        sums[:, :, 0] = counts
        sums[:, :, 1] = by_window(windows, np.abs(values))[1]
        sums[:, :, 2] = by_window(windows, values)[1]
        keys = (numbers[:, None] * GROUPS + np.arange(len(self.names))[None, :]).ravel()
        some = counts.ravel() > 0.0
        rows.add(keys[some], sums.reshape(-1, _WIDTH)[some])

    def read(self, raws: Sequence[Raw]) -> Floats:
        """Attributions of shape (events, features), NaN where there is none.

        >>> from monitor_stream.events.spec import Feature
        >>> features = [Feature(name=name, kind="numeric") for name in "xy"]
        >>> attributions = Attributions(ModelSpec(model="m", task="binary", features=features))
        >>> attributions.read([Raw(b'{"y": 0.5, "z": 1}'), Raw(b'{"x": "?", "y": -1}')])
        array([[ nan,  0.5],
               [ nan, -1. ]])
        """
        try:
            decoded = self._decode(b"[" + b",".join(raws) + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            matrix = np.array([self._read_one(raw) for raw in raws], np.float64)
        else:
            blank = (None,) * len(self.names)
            matrix = np.array(
                [blank if row is None else msgspec.structs.astuple(row) for row in decoded], np.float64
            )
        matrix[np.abs(matrix) > MAX_NUMBER] = np.nan
        return matrix

    def _read_one(self, raw: Raw) -> list[float | None]:
        try:
            values = msgspec.json.decode(raw, type=dict[str, Raw] | None) or {}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            values = {}
        return [_number(values[name]) if name in values else None for name in self.names]


def _number(raw: Raw) -> float | None:
    try:
        return msgspec.json.decode(raw, type=float | None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
