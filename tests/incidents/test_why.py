"""The why of an incident in lines."""

import msgspec

from monitor_stream.incidents.why import explain
from tests.metrics.judged import START, why


def test_all_that_is_known_is_told_in_order() -> None:
    """Since when, suspects, segments, changes, and rows from before and after."""
    told = [what for what, _ in explain(why())]
    assert told == ["since", *2 * ["suspect"], *3 * ["segment"], *2 * ["changed"], "row before", *2 * ["row after"]]  # fmt: skip


def test_no_more_than_asked_for_is_told() -> None:
    """Of each kind so many, and of a wide row the first features with how many there are more."""
    wide = msgspec.structs.replace(why(), before=[{f"f{i}": float(i) for i in range(11)}])
    told = list(explain(wide, most=1))
    assert [what for what, _ in told] == ["since", "suspect", "segment", "changed", "row before", "row after"]
    assert dict(told)["row before"].endswith("f7 7, and 3 more")


def test_of_what_is_not_known_nothing_is_told() -> None:
    """An explanation that found nothing says since when."""
    empty = msgspec.structs.replace(
        why(), suspects=[], segments=[], changes=[], before=[], after=[], since=START
    )
    assert list(explain(empty)) == [("since", "2013-03-01 00:00 UTC")]
