"""The online twin of vectors: a profile and OBSERVE follow the same norms, of the same dimension."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import assume, example, given
from hypothesis import strategies as st

from monitor_stream.observe.kinds import fit
from monitor_stream.observe.values import MAX_NUMBER
from monitor_stream.observe.vectors import Vectors
from monitor_stream.profile.cells import norms
from monitor_stream.profile.column import Column

COMPONENTS = st.floats(-1e6, 1e6) | st.sampled_from([None, 2 * MAX_NUMBER])
VECTORS = st.lists(st.none() | st.lists(COMPONENTS, max_size=3), min_size=1, max_size=20)


@given(VECTORS)
@example([[None, 1.0], [3.0]])
@example([[2 * MAX_NUMBER], [3.0, 4.0]])
def test_vectors_are_followed_as_observe_follows_them(rows: list[list[float | None] | None]) -> None:
    """The first vector without a gap says the dimension; all others of it have a norm; nothing else has."""
    array = pa.array(rows, pa.list_(pa.float64()))
    column = Column("v", array.type)
    column.see(array, None, np.arange(len(rows), dtype=np.uint64))
    found = norms(array, column.dimension)
    values = {"v": [fit("vector", row) for row in rows]}
    online = Vectors({})
    online.read(values)
    assert column.dimension == online.dimensions.get("v", 0)
    # The spec says it; without a whole vector there is nothing to compare with.
    assume(column.dimension)
    expected = np.array(Vectors({"v": column.dimension}).read(values)[0]["v"])
    expected = np.where(np.isfinite(expected), expected, np.nan)
    np.testing.assert_allclose(np.where(np.abs(found) <= MAX_NUMBER, found, np.nan), expected, rtol=1e-12)
