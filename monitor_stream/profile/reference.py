"""What a column looked like on the reference rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor_stream.errors import SpecError
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import CategoricalReference, Kind, NumericReference, Reference

#: Equal-mass bins of a numeric column: four make a decile.
BINS = 40
#: Categories kept by name.
CATEGORIES = 50


def reference_of(name: str, column: Any, kind: Kind) -> Reference:
    """The reference of a column; raises `SpecError` when it holds no value at all.

    Parameters
    ----------
    column
        An Arrow array. In a numeric one NaN and infinity count as missing, as they do in JSON.
    """
    if kind == "numeric":
        return numeric_reference(name, finite_values(column), len(column))
    return categorical_reference(name, category_text(column), len(column))


def numeric_reference(name: str, values: Floats, rows: int) -> NumericReference:
    """Moments and equal-mass bins of finite values; the rest of the `rows` is missing.

    An edge is a value that occurs, and belongs to the bin below it (``x <= edge``), so no bin is empty. `std` is
    that of the population (divided by n).

    >>> found = numeric_reference("hour", np.array([5.0, 6.0, 6.0, 7.0]), 5)
    >>> found.edges, found.shares, found.missing
    ([5.0, 6.0], [0.25, 0.5, 0.25], 0.2)
    """
    if not len(values):
        raise SpecError(f"The column {name} holds no number: there is nothing to make a reference of")
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    edges = edges[edges < values.max()]
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return NumericReference(
        n=rows,
        missing=(rows - len(values)) / rows,
        mean=float(values.mean()),
        std=float(values.std()),
        minimum=float(values.min()),
        maximum=float(values.max()),
        edges=edges.tolist(),
        shares=(counts / len(values)).tolist(),
    )


def categorical_reference(name: str, text: Any, rows: int) -> CategoricalReference:
    """Shares of the commonest categories, most common first, of the values that are there.

    >>> categorical_reference("carrier", pa.array(["UA", "AA", "UA", None]), 4).shares
    {'UA': 0.666..., 'AA': 0.333...}
    """
    counts = [(entry["values"], entry["counts"]) for entry in pc.value_counts(text.drop_null()).to_pylist()]
    counts.sort(key=lambda pair: (-pair[1], pair[0]))
    total = sum(count for _, count in counts)
    if not total:
        raise SpecError(f"The column {name} holds no value: there is nothing to make a reference of")
    return CategoricalReference(
        n=rows,
        missing=(rows - total) / rows,
        shares={value: count / total for value, count in counts[:CATEGORIES]},
        other=sum(count for _, count in counts[CATEGORIES:]) / total,
    )


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
