"""Codes of categories: of a reference, of what it does not know, and of a feature that has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor_stream.events.delta import MAX_CODES
from monitor_stream.events.spec import OTHER, CategoricalReference, Feature, ModelSpec
from monitor_stream.events.tables import MAX_UNSEEN, UNSEEN_CHARACTERS
from monitor_stream.observe.categories import Categories
from tests.observe.streams import TERMS
from tests.observe.test_kinds import read, row

LONG = "x" * UNSEEN_CHARACTERS
SHARES = {"UA": 0.4, "1": 0.3, "true": 0.2, LONG: 0.1}
COMPLETE = CategoricalReference(n=9, missing=0.0, shares=SHARES)
OPEN = CategoricalReference(n=9, missing=0.0, shares=SHARES, other=0.1)


def spec(reference: CategoricalReference | None) -> ModelSpec:
    feature = Feature(name="c", kind="categorical", reference=reference)
    return ModelSpec(model="m", version="1", task="regression", features=[feature], **TERMS)


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else value


def twin(reference: CategoricalReference | None, values: Sequence[Any], limit: int) -> list[float]:
    """Codes value by value, by the rules alone."""
    names = list(reference.shares) if reference else []
    met: list[str] = []
    codes = []
    for value in values:
        whole = text(value)
        if whole in names:
            codes.append(float(names.index(whole)))
            continue
        if reference is None and len(whole) > UNSEEN_CHARACTERS:
            codes.append(float(len(names) + limit))
            continue
        name = whole[:UNSEEN_CHARACTERS]
        if name not in met and len(met) < limit:
            met.append(name)
        codes.append(float(len(names) + (met.index(name) if name in met else limit)))
    return codes


_values = st.one_of(
    st.sampled_from(
        ["UA", "AA", "1", "true", "false", "0", 1.0, 0.0, True, False, LONG, LONG + "y", LONG + "z"]
    ),
    st.sampled_from(["y" * 80, "y" * 90, "y" * UNSEEN_CHARACTERS, "", "5", 5.0, 5.5]),
    st.integers(0, 70).map(str),
)


@settings(deadline=None)
@given(
    values=st.lists(_values, max_size=80),
    cuts=st.sets(st.integers(0, 80), max_size=4),
    reference=st.sampled_from([None, COMPLETE, OPEN]),
)
@example(values=["y" * 80, *map(str, range(2, 30)), "y" * 90], cuts={30, 29}, reference=COMPLETE)
def test_codes_do_not_depend_on_batches_or_restarts(
    values: list[Any], cuts: set[int], reference: CategoricalReference | None
) -> None:
    """Any split, with all that was learned written and read in between, gives the codes of the rules."""
    limit = MAX_CODES if reference is None else MAX_UNSEEN if reference is COMPLETE else 0
    codes: list[float] = []
    met: list[str] = []
    for first, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(values)], strict=True):
        categories = Categories(reference, met)
        codes += categories.codes(values[first:end])
        met = categories.met
    assert codes == twin(reference, values, limit)


def test_unseen_values_are_counted_by_name() -> None:
    """The first twenty of a feature by window, cut to a bound, the rest together; where the reference names all values."""
    values = [*(f"new {number}" for number in range(30)), "UA", None, "y" * 200, "new 3"]
    totals = read(spec(COMPLETE), [{"c": value} for value in values], {7, 19})
    assert row(totals, "c")[4] == 32.0
    named = {key[4]: sums[0] for key, sums in totals.tables.items() if key[2] == "unseen"}
    assert len(named) == MAX_UNSEEN + 1
    assert named["c=new 3"] == 2.0
    assert named[f"c={OTHER}"] == 11.0
    assert sum(named.values()) == 32.0
    assert row(totals, "c", "histograms")[:6] == [1.0, 0.0, 0.0, 0.0, 32.0, 0.0]


def test_nothing_is_unseen_where_the_reference_does_not_name_all() -> None:
    """Nor are values named there; the histogram counts them in its last bin."""
    totals = read(spec(OPEN), [{"c": "new"}, {"c": "UA"}])
    assert row(totals, "c")[4] == 0.0
    assert not [key for key in totals.tables if key[2] == "unseen"]
    assert row(totals, "c", "histograms")[:5] == [1.0, 0.0, 0.0, 0.0, 1.0]


def test_an_unseen_value_is_named_by_the_beginning_of_its_text() -> None:
    """So that a row's name has a bound."""
    totals = read(spec(COMPLETE), [{"c": "y" * 200}, {"c": "y" * 300}])
    assert row(totals, "c=" + "y" * UNSEEN_CHARACTERS, "unseen") == [2.0]
