"""What a column looked like on the reference rows, from Arrow arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import SpecError
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Kind, Reference
from monitor_stream.judge.drift.reference import categorical_reference, numeric_reference


def reference_of(name: str, column: Any, kind: Kind) -> Reference:
    """The reference of a column; raises `SpecError` when it holds no value at all.

    Parameters
    ----------
    column
        An Arrow array. In a numeric one NaN and infinity count as missing, as they do in JSON.

    >>> reference_of("carrier", pa.array(["UA", "AA", "UA", None]), "categorical").shares
    {'UA': 0.666..., 'AA': 0.333...}
    """
    if kind == "numeric":
        values = finite_values(column)
        if not len(values):
            raise SpecError(f"The column {name} holds no number: there is nothing to make a reference of")
        return numeric_reference(values, len(column))
    counted = pc.value_counts(category_text(column).drop_null()).to_pylist()
    if not counted:
        raise SpecError(f"The column {name} holds no value: there is nothing to make a reference of")
    return categorical_reference({each["values"]: each["counts"] for each in counted}, len(column))


def finite_values(column: Any) -> Floats:
    """The finite numbers of a column, in their order."""
    values = np.asarray(pc.cast(column, pa.float64()).drop_null(), np.float64)
    return values[np.isfinite(values)]


def category_text(column: Any) -> Any:
    """Values as the categories events name: ``true``, ``1`` (never ``1.0``), text as it is.

    >>> category_text(pa.array([1.0, 2.5, None])).to_pylist()
    ['1', '2.5', None]
    """
    return pc.cast(column, pa.string())
